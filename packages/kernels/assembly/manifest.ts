// Which table of a level a compaction moves: a sweep over two levels of a tree's manifest (spec 05 §8, §10).
//
// A level is a list of nodes, each with the pointer of its first element and a count, at least 1; an element is a pointer to the
// record of a table. Both levels are in order, and their live tables have no keys in common within a level.

// The record of a table (spec 05 §5.5). Keys are 32 bytes, little-endian.
const KEY_MIN: usize = 0;
const KEY_MAX: usize = 32;
const SNAPSHOT_MAX: usize = 112;

const NODE_SIZE: usize = 8;
const ELEMENT_SIZE: usize = 4;

@inline function keyBelow(a: usize, b: usize): bool {
  for (let word: usize = 24; word > 0; word -= 8) {
    const left = load<u64>(a + word);
    const right = load<u64>(b + word);
    if (left != right) return left < right;
  }
  return load<u64>(a) < load<u64>(b);
}

@inline function live(table: usize): bool {
  return load<u64>(table, SNAPSHOT_MAX) == u64.MAX_VALUE;
}

@inline function elementAt(nodes: usize, node: u32, offset: u32): usize {
  const begin: usize = load<u32>(nodes + NODE_SIZE * <usize>node);
  return load<u32>(begin + ELEMENT_SIZE * <usize>offset);
}

@inline function countOf(nodes: usize, node: u32): u32 {
  return load<u32>(nodes + NODE_SIZE * <usize>node, 4);
}

/** How many live tables of a level, from one on, begin at or below `key`, but at most `limit`. */
function countFrom(nodes: usize, nodeCount: u32, from: u32, offset: u32, key: usize, limit: u32): u32 {
  let count: u32 = 0;
  let at = offset;
  for (let node = from; node < nodeCount; node++) {
    for (; at < countOf(nodes, node); at++) {
      if (count == limit) return count;
      const table = elementAt(nodes, node, at);
      if (!live(table)) continue;
      if (keyBelow(key, table + KEY_MIN)) return count;
      count++;
    }
    at = 0;
  }
  return count;
}

/** The first live table over the fewest live tables below, at most `overlapMax` of them; 0 if there is none. */
export function manifestLeastOverlap(
  nodes: usize, nodeCount: u32, belowNodes: usize, belowNodeCount: u32, overlapMax: u32,
): usize {
  let best: usize = 0;
  let bestCount = overlapMax + 1;
  let belowNode: u32 = 0;
  let belowOffset: u32 = 0;
  for (let node: u32 = 0; node < nodeCount; node++) {
    for (let offset: u32 = 0; offset < countOf(nodes, node); offset++) {
      const table = elementAt(nodes, node, offset);
      if (!live(table)) continue;
      while (belowNode < belowNodeCount) {
        const other = elementAt(belowNodes, belowNode, belowOffset);
        if (!keyBelow(other + KEY_MAX, table + KEY_MIN)) break;
        belowOffset++;
        if (belowOffset < countOf(belowNodes, belowNode)) continue;
        belowOffset = 0;
        belowNode++;
      }
      const count = countFrom(belowNodes, belowNodeCount, belowNode, belowOffset, table + KEY_MAX, bestCount);
      if (count >= bestCount) continue;
      best = table;
      bestCount = count;
      if (count == 0) return best;
    }
  }
  return best;
}
