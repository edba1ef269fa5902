/**
 * A long array of u32 in nodes of a fixed size: inserting and removing anywhere moves one node's elements, not all
 * (spec 05 §18.3).
 *
 * A full node splits in two halves; a node that is less than half full takes from its right neighbour, or merges with it. So every
 * node but the last is at least half full.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";

/** Nodes in linear memory, shared by many arrays. */
export class NodePool {
  readonly lanes: Uint32Array;
  /** Elements of a node. */
  readonly nodeCapacity: number;
  readonly nodeCount: number;
  readonly #begin: number;
  readonly #free: number[] = [];
  #next = 0;

  constructor(memory: LinearMemory, nodeCapacity: number, nodeCount: number) {
    assert(nodeCapacity >= 2 && nodeCapacity % 2 === 0, () => `nodes of ${nodeCapacity} elements`);
    this.lanes = memory.u32;
    this.nodeCapacity = nodeCapacity;
    this.nodeCount = nodeCount;
    this.#begin = memory.allocate(4 * nodeCapacity * nodeCount, 64, "manifest") / 4;
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
    this.#free.push(node);
  }

  /** How many nodes `arrayCount` arrays with `elementCount` elements together need at most. */
  static nodeCountFor(elementCount: number, arrayCount: number, nodeCapacity: number): number {
    return Math.ceil(elementCount / (nodeCapacity / 2)) + 2 * arrayCount;
  }
}

/** A place in an array: the node's number, and the element's in it. */
interface Place {
  node: number;
  offset: number;
}

/** An array of u32 whose owner keeps it in an order of its own. */
export class SegmentedArray {
  readonly #pool: NodePool;
  readonly #nodes: number[] = [];
  readonly #counts: number[] = [];
  readonly #place: Place = { node: 0, offset: 0 };
  #length = 0;

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
    const place = this.#locate(index);
    return this.#element(place.node, place.offset);
  }

  /** Inserts before the element that is at `index` now. */
  insert(index: number, element: number): void {
    assert(index >= 0 && index <= this.#length, () => `insert at ${index} of ${this.#length}`);
    if (this.#nodes.length === 0) this.#addNode(0);
    const place = index === this.#length ? this.#end() : this.#locate(index);
    if (this.#count(place.node) === this.#pool.nodeCapacity) this.#split(place);
    const begin = this.#begin(place.node);
    const count = this.#count(place.node);
    this.#pool.lanes.copyWithin(begin + place.offset + 1, begin + place.offset, begin + count);
    this.#pool.lanes[begin + place.offset] = element;
    this.#counts[place.node] = count + 1;
    this.#length += 1;
  }

  remove(index: number): number {
    const place = this.#locate(index);
    const { node, offset } = place;
    const begin = this.#begin(node);
    const count = this.#count(node);
    const element = this.#element(node, offset);
    this.#pool.lanes.copyWithin(begin + offset, begin + offset + 1, begin + count);
    this.#counts[node] = count - 1;
    this.#length -= 1;
    this.#fill(node);
    return element;
  }

  /** How many elements, from the first, `before` holds for; it holds for none behind one that it does not hold for. */
  partition(before: (element: number) => boolean): number {
    let low = 0;
    let high = this.#nodes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(this.#element(middle, this.#count(middle) - 1))) low = middle + 1;
      else high = middle;
    }
    const index = this.#indexOfNode(low);
    if (low === this.#nodes.length) return index;
    let first = 0;
    let last = this.#count(low);
    while (first < last) {
      const middle = (first + last) >>> 1;
      if (before(this.#element(low, middle))) first = middle + 1;
      else last = middle;
    }
    return index + first;
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
  }

  /** Asserts what holds between two calls. */
  check(): void {
    const half = this.#pool.nodeCapacity / 2;
    for (const [node, count] of this.#counts.entries()) {
      const last = node === this.#counts.length - 1;
      assert(
        count >= (last ? 1 : half) && count <= this.#pool.nodeCapacity,
        () => `node ${node} has ${count} elements`,
      );
    }
    assert(this.#indexOfNode(this.#nodes.length) === this.#length, () => `${this.#length} elements`);
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

  #locate(index: number): Place {
    assert(index >= 0 && index < this.#length, () => `element ${index} of ${this.#length}`);
    let left = index;
    let node = 0;
    for (; left >= this.#count(node); node += 1) left -= this.#count(node);
    this.#place.node = node;
    this.#place.offset = left;
    return this.#place;
  }

  #end(): Place {
    this.#place.node = this.#nodes.length - 1;
    this.#place.offset = this.#count(this.#place.node);
    return this.#place;
  }

  #addNode(node: number): void {
    this.#nodes.splice(node, 0, this.#pool.allocate());
    this.#counts.splice(node, 0, 0);
  }

  /** Makes two of a full node, and moves the place into the half where it is now. */
  #split(place: Place): void {
    const half = this.#pool.nodeCapacity / 2;
    this.#addNode(place.node + 1);
    this.#move(place.node + 1, 0, place.node, half, half);
    this.#counts[place.node] = half;
    this.#counts[place.node + 1] = half;
    if (place.offset <= half) return;
    place.node += 1;
    place.offset -= half;
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
    const taken = count + neighbour <= this.#pool.nodeCapacity ? neighbour : half - count;
    this.#move(node, count, node + 1, 0, taken);
    this.#counts[node] = count + taken;
    this.#counts[node + 1] = neighbour - taken;
    if (taken === neighbour) this.#dropNode(node + 1);
    else this.#move(node + 1, 0, node + 1, taken, neighbour - taken);
    // What is left of the neighbour may be less than half now.
    if (taken < neighbour) this.#fill(node + 1);
  }

  #dropNode(node: number): void {
    this.#pool.free(this.#begin(node));
    this.#nodes.splice(node, 1);
    this.#counts.splice(node, 1);
  }

  #move(target: number, targetOffset: number, source: number, sourceOffset: number, count: number): void {
    const from = this.#begin(source) + sourceOffset;
    this.#pool.lanes.copyWithin(this.#begin(target) + targetOffset, from, from + count);
  }
}
