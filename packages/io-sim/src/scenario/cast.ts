/**
 * Who a scenario speaks of: replicas by their index, or by the part that they play.
 *
 * - `R0` … `R5`: replicas, `R*`: all of them. `S0`: the first standby, `S*`: all of them. `*`: replicas and standbys.
 * - `A0`: whoever is primary when the parts are cast, `B1`, `B2` …: those that follow by index. They stay who they are.
 * - `C0` …: clients, `C*`: all of them, `C1..C6`: some.
 *
 * @module
 */
import type { Cluster } from "../cluster/cluster.ts";

/** The parts of a scenario. */
export class Cast {
  readonly #cluster: Cluster;
  #primary: number | null = null;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Gives out the parts: A0 is the primary of the highest view. Returns who is who. */
  assign(): string {
    const { machines, replicaCount } = this.#cluster;
    const views = machines.slice(0, replicaCount).map((machine) => (machine.up ? machine.replica.state.view : 0));
    this.#primary = Math.max(...views) % replicaCount;
    const parts = Array.from({ length: replicaCount }, (_, place) => `${partName(place)} is R${this.#played(place)}`);
    return parts.join(", ");
  }

  /** The nodes that words name, in the order of their indexes. @throws TypeError for a name that is nobody's. */
  nodes(words: readonly string[]): readonly number[] {
    const indexes = new Set(words.flatMap((word) => this.#nodesOf(word)));
    return [...indexes].toSorted((a, b) => a - b);
  }

  /** The numbers of the clients that words name. */
  clients(words: readonly string[]): readonly number[] {
    return words.flatMap((word) => this.#clientsOf(word));
  }

  /** Whether a word names clients. */
  isClient(word: string): boolean {
    return word.startsWith("C");
  }

  /** What a node is called. */
  nameOf(node: number): string {
    const { replicaCount } = this.#cluster;
    return node < replicaCount ? `R${node}` : `S${node - replicaCount}`;
  }

  #nodesOf(word: string): readonly number[] {
    const { machines, replicaCount } = this.#cluster;
    const all = machines.map(({ index }) => index);
    if (word === "*") return all;
    if (word === "R*") return all.slice(0, replicaCount);
    if (word === "S*") return all.slice(replicaCount);
    const [, letter = "", digits = ""] = /^([RSAB])(\d+)$/.exec(word) ?? [];
    const number = Number(digits);
    switch (letter) {
      case "R":
        return this.#existing(word, number);
      case "S":
        return this.#existing(word, replicaCount + number);
      case "A":
      case "B":
        return this.#existing(word, this.#played(number));
      default:
        throw new TypeError(`there is no '${word}'`);
    }
  }

  #clientsOf(word: string): readonly number[] {
    const all = this.#cluster.clients.map((_, index) => index);
    if (word === "C*") return all;
    const [, first = "", last = first] = /^C(\d+)(?:\.\.C(\d+))?$/.exec(word) ?? [];
    const named = first === "" ? [] : all.slice(Number(first), Number(last) + 1);
    if (named.length === 0) throw new TypeError(`there is no client '${word}'`);
    return named;
  }

  #existing(word: string, index: number): readonly number[] {
    if (this.#cluster.machines[index] === undefined) throw new TypeError(`there is no '${word}'`);
    return [index];
  }

  /** Who plays the part at this place behind the primary. */
  #played(place: number): number {
    if (this.#primary === null) throw new TypeError("the parts are not cast yet");
    return (this.#primary + place) % this.#cluster.replicaCount;
  }
}

function partName(place: number): string {
  return place === 0 ? "A0" : `B${place}`;
}
