/**
 * A long array of u32 in nodes of a fixed size: inserting and removing anywhere moves one node's elements, not all
 * (spec 05 §18.3).
 *
 * A full node splits in two halves; a node that is less than half full takes from its right neighbour, or merges with it. So every
 * node but the last is at least half full.
 *
 * @module
 */
import { assert, type LinearMemory, type Pointer } from "@stagbeetle/kernels";

/** How many nodes one array of `elementCount` elements has at most: its last has one element, the others are half full. */
export function nodeCountMax(elementCount: number, nodeCapacity: number): number {
  return elementCount === 0 ? 0 : Math.floor((elementCount - 1) / (nodeCapacity / 2)) + 1;
}

/** A node in a list: u32 pointer of its first element, u32 count. */
const LIST_ENTRY_SIZE_BYTES = 8;

/** Nodes in linear memory, shared by many arrays. */
export class NodePool {
  readonly lanes: Uint32Array;
  /** Elements of a node. */
  readonly nodeCapacity: number;
  readonly nodeCount: number;
  /** Room for two lists of all nodes, for kernels. */
  readonly lists: readonly [Pointer, Pointer];
  readonly #begin: number;
  readonly #free: number[] = [];
  #next = 0;

  constructor(memory: LinearMemory, nodeCapacity: number, nodeCount: number) {
    assert(nodeCapacity >= 2 && nodeCapacity % 2 === 0, () => `nodes of ${nodeCapacity} elements`);
    assert(Number.isInteger(nodeCount) && nodeCount > 0, () => `a pool of ${nodeCount} nodes`);
    this.lanes = memory.u32;
    this.nodeCapacity = nodeCapacity;
    this.nodeCount = nodeCount;
    this.#begin = memory.allocate(4 * nodeCapacity * nodeCount, 64, "manifest") / 4;
    const listSizeBytes = LIST_ENTRY_SIZE_BYTES * nodeCount;
    const lists = memory.allocate(2 * listSizeBytes, 64, "manifest");
    this.lists = [lists, lists + listSizeBytes];
  }

  /** Nodes that are in use. */
  get countUsed(): number {
    return this.#next - this.#free.length;
  }

  /** Where a node's elements are, as a lane. */
  allocate(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    assert(this.#next < this.nodeCount, () => `all ${this.nodeCount} nodes of the manifest are in use`);
    this.#next += 1;
    return this.#begin + (this.#next - 1) * this.nodeCapacity;
  }

  free(node: number): void {
    assert(this.#free.length < this.#next, () => `node ${node} is freed twice`);
    this.#free.push(node);
  }

  /** How many nodes `arrayCount` arrays with `elementCount` elements together need at most. */
  static nodeCountFor(elementCount: number, arrayCount: number, nodeCapacity: number): number {
    return nodeCountMax(elementCount, nodeCapacity) + arrayCount;
  }
}

/** Whether an element comes before what is looked for. */
export type Before = (element: number, wanted: number) => boolean;

/** An array of u32 whose owner keeps it in an order of its own. */
export class SegmentedArray {
  readonly #pool: NodePool;
  readonly #nodes: number[] = [];
  readonly #counts: number[] = [];
  #length = 0;
  /** The node that the last index was in, and the index of its first element: most accesses are near the one before. */
  #nearNode = 0;
  #nearStart = 0;

  constructor(pool: NodePool) {
    this.#pool = pool;
  }

  get length(): number {
    return this.#length;
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }

  at(index: number): number {
    assert(index >= 0 && index < this.#length, () => `element ${index} of ${this.#length}`);
    this.#locate(index);
    return this.#element(this.#nearNode, index - this.#nearStart);
  }

  /** Inserts before the element that is at `index` now. */
  insert(index: number, element: number): void {
    assert(index >= 0 && index <= this.#length, () => `insert at ${index} of ${this.#length}`);
    if (this.#nodes.length === 0) this.#addNode(0);
    // At the end, the place is behind the last element, not before one.
    this.#locate(Math.max(0, Math.min(index, this.#length - 1)));
    if (this.#count(this.#nearNode) === this.#pool.nodeCapacity) this.#split(index);
    const node = this.#nearNode;
    const begin = this.#begin(node);
    const count = this.#count(node);
    const offset = index - this.#nearStart;
    this.#pool.lanes.copyWithin(begin + offset + 1, begin + offset, begin + count);
    this.#pool.lanes[begin + offset] = element;
    this.#counts[node] = count + 1;
    this.#length += 1;
  }

  /** Takes an element out and returns it. */
  remove(index: number): number {
    assert(index >= 0 && index < this.#length, () => `element ${index} of ${this.#length}`);
    this.#locate(index);
    const node = this.#nearNode;
    const offset = index - this.#nearStart;
    const begin = this.#begin(node);
    const count = this.#count(node);
    const element = this.#element(node, offset);
    this.#pool.lanes.copyWithin(begin + offset, begin + offset + 1, begin + count);
    this.#counts[node] = count - 1;
    this.#length -= 1;
    this.#fill(node);
    return element;
  }

  /** How many elements, from the first, come before what is looked for. All that do must be in front of all that do not. */
  partition(before: Before, wanted: number): number {
    let low = 0;
    let high = this.#nodes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(this.#element(middle, this.#count(middle) - 1), wanted)) low = middle + 1;
      else high = middle;
    }
    const index = this.#indexOfNode(low);
    if (low === this.#nodes.length) return index;
    let first = 0;
    let last = this.#count(low);
    while (first < last) {
      const middle = (first + last) >>> 1;
      if (before(this.#element(low, middle), wanted)) first = middle + 1;
      else last = middle;
    }
    return index + first;
  }

  /** Lists the nodes for a kernel: where each begins, in bytes, and its count. */
  list(target: Pointer): void {
    const { lanes } = this.#pool;
    for (let node = 0; node < this.#nodes.length; node += 1) {
      lanes[target / 4 + 2 * node] = 4 * this.#begin(node);
      lanes[target / 4 + 2 * node + 1] = this.#count(node);
    }
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let node = 0; node < this.#nodes.length; node += 1) {
      for (let offset = 0; offset < this.#count(node); offset += 1) yield this.#element(node, offset);
    }
  }

  /** Gives all nodes back. */
  clear(): void {
    for (const node of this.#nodes) this.#pool.free(node);
    this.#nodes.length = 0;
    this.#counts.length = 0;
    this.#length = 0;
    this.#forgetNear();
  }

  /** Asserts what holds between two calls. */
  check(): void {
    const { nodeCapacity } = this.#pool;
    for (const [node, count] of this.#counts.entries()) {
      const countMin = node === this.#counts.length - 1 ? 1 : nodeCapacity / 2;
      assert(count >= countMin && count <= nodeCapacity, () => `node ${node} has ${count} elements`);
    }
    assert(this.#indexOfNode(this.#nodes.length) === this.#length, () => `${this.#length} elements`);
    assert(
      this.#nodes.length <= nodeCountMax(this.#length, nodeCapacity),
      () => `${this.#nodes.length} nodes for ${this.#length} elements`,
    );
  }

  #begin(node: number): number {
    return this.#nodes[node] as number;
  }

  #count(node: number): number {
    return this.#counts[node] as number;
  }

  #element(node: number, offset: number): number {
    return this.#pool.lanes[this.#begin(node) + offset] as number;
  }

  #indexOfNode(node: number): number {
    let index = 0;
    for (let before = 0; before < node; before += 1) index += this.#count(before);
    return index;
  }

  /** Makes the node with the element `index` the near one. */
  #locate(index: number): void {
    if (index < this.#nearStart) this.#forgetNear();
    while (index >= this.#nearStart + this.#count(this.#nearNode) && this.#nearNode < this.#nodes.length - 1) {
      this.#nearStart += this.#count(this.#nearNode);
      this.#nearNode += 1;
    }
  }

  #forgetNear(): void {
    this.#nearNode = 0;
    this.#nearStart = 0;
  }

  #addNode(node: number): void {
    this.#nodes.splice(node, 0, this.#pool.allocate());
    this.#counts.splice(node, 0, 0);
  }

  /** Makes two of the near node, which is full. The near node is then the one to insert at `index` into. */
  #split(index: number): void {
    const node = this.#nearNode;
    const half = this.#pool.nodeCapacity / 2;
    this.#addNode(node + 1);
    this.#move(node + 1, 0, node, half, half);
    this.#counts[node] = half;
    this.#counts[node + 1] = half;
    if (index - this.#nearStart <= half) return;
    this.#nearNode = node + 1;
    this.#nearStart += half;
  }

  /** After a removal: brings a node to half full from its right neighbour, or drops it. */
  #fill(node: number): void {
    const count = this.#count(node);
    const half = this.#pool.nodeCapacity / 2;
    if (node === this.#nodes.length - 1) {
      if (count === 0) this.#dropNode(node);
      return;
    }
    if (count >= half) return;
    const neighbour = this.#count(node + 1);
    if (count + neighbour <= this.#pool.nodeCapacity) {
      this.#move(node, count, node + 1, 0, neighbour);
      this.#counts[node] = count + neighbour;
      this.#dropNode(node + 1);
      return;
    }
    // Together they are more than one full node, so the neighbour stays more than half full.
    const taken = half - count;
    this.#move(node, count, node + 1, 0, taken);
    this.#move(node + 1, 0, node + 1, taken, neighbour - taken);
    this.#counts[node] = half;
    this.#counts[node + 1] = neighbour - taken;
  }

  #dropNode(node: number): void {
    this.#pool.free(this.#begin(node));
    this.#nodes.splice(node, 1);
    this.#counts.splice(node, 1);
    if (this.#nearNode >= this.#nodes.length) this.#forgetNear();
  }

  #move(target: number, targetOffset: number, source: number, sourceOffset: number, count: number): void {
    const from = this.#begin(source) + sourceOffset;
    this.#pool.lanes.copyWithin(this.#begin(target) + targetOffset, from, from + count);
  }
}
