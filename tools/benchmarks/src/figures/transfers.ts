/**
 * Bodies of `create_accounts` and `create_transfers`, made fast enough not to be what is measured.
 */
import { AccountingOperation } from "@stagbeetle/state-machine";
import { multiBatchElementsMax, PRODUCTION, Random } from "@stagbeetle/vsr-protocol";

const EVENT_SIZE_BYTES = 128;
const COUNT_SIZE_BYTES = 2;
/** Offsets in an account or transfer. */
const ID_HIGH = 12;
const [DEBIT_ACCOUNT, CREDIT_ACCOUNT, AMOUNT, LEDGER, CODE] = [16, 32, 48, 112, 116];

/** How many transfers fit into a request. */
export const TRANSFERS_MAX: number = multiBatchElementsMax(EVENT_SIZE_BYTES, PRODUCTION.derived.messageBodySizeMax);

/** A request with its body, which is good until the next one is made. */
export interface Request {
  readonly operation: number;
  readonly body: Uint8Array;
}

/** Makes requests of a fixed number of events, all of which succeed. */
export class Transfers {
  readonly #accountCount: number;
  readonly #ids: "ascending" | "random";
  readonly #random = new Random(92);
  #transferCount = 0;

  constructor(accountCount: number, ids: "ascending" | "random" = "ascending") {
    this.#accountCount = accountCount;
    this.#ids = ids;
  }

  /** The requests that create all accounts. */
  *accounts(eventsPerRequest: number = TRANSFERS_MAX): Generator<Request> {
    for (let first = 0; first < this.#accountCount; first += eventsPerRequest) {
      const count = Math.min(eventsPerRequest, this.#accountCount - first);
      const body = template(count);
      const view = new DataView(body.buffer);
      for (let index = 0; index < count; index += 1) view.setUint32(index * EVENT_SIZE_BYTES, first + index + 1, true);
      yield { operation: AccountingOperation.create_accounts, body };
    }
  }

  /** A body for so many transfers, to be filled in again and again. */
  body(count: number): Uint8Array {
    return template(count);
  }

  /** Fills in transfers that were never there, between random accounts. */
  fill(body: Uint8Array, count: number): Request {
    const view = new DataView(body.buffer, body.byteOffset);
    for (let index = 0; index < count; index += 1) {
      const at = index * EVENT_SIZE_BYTES;
      const debit = this.#random.intInclusive(32, this.#accountCount - 1);
      const credit = (debit + 1 + this.#random.intInclusive(32, this.#accountCount - 2)) % this.#accountCount;
      this.#transferCount += 1;
      view.setUint32(at, this.#transferCount, true);
      if (this.#ids === "random") view.setUint32(at + ID_HIGH, this.#random.index(2 ** 32), true);
      view.setUint32(at + DEBIT_ACCOUNT, debit + 1, true);
      view.setUint32(at + CREDIT_ACCOUNT, credit + 1, true);
      view.setUint32(at + AMOUNT, 1, true);
    }
    return { operation: AccountingOperation.create_transfers, body };
  }
}

/** One batch of events with a ledger and a code (spec 01 §6). */
function template(count: number): Uint8Array {
  const body = new Uint8Array((count + 1) * EVENT_SIZE_BYTES).fill(0xff, count * EVENT_SIZE_BYTES);
  const view = new DataView(body.buffer);
  for (let index = 0; index < count; index += 1) {
    view.setUint32(index * EVENT_SIZE_BYTES + LEDGER, 1, true);
    view.setUint16(index * EVENT_SIZE_BYTES + CODE, 1, true);
  }
  view.setUint16(body.length - COUNT_SIZE_BYTES, 1, true);
  view.setUint16(body.length - 2 * COUNT_SIZE_BYTES, count, true);
  return body;
}

/** Throws unless every event of an answer was created. */
export function assertCreated(answer: Uint8Array, count: number): void {
  const CREATED = 0xffff_ffff;
  const [RESULT_SIZE_BYTES, STATUS] = [16, 8];
  const view = new DataView(answer.buffer, answer.byteOffset);
  for (const index of [0, count - 1]) {
    const status = view.getUint32(index * RESULT_SIZE_BYTES + STATUS, true);
    if (status !== CREATED) throw new Error(`event ${index} has the status ${status}`);
  }
}
