/**
 * The bodies of `register`: of its request and prepare, and of its reply (spec 01 §5.1, §5.2).
 *
 * @module
 */
import { isZero, recordClass, type RecordClass, type RecordOf } from "../layout.ts";

/** The size of the body of a `register` request or prepare in bytes. */
export const REGISTER_REQUEST_SIZE_BYTES = 256;

const REGISTER_REQUEST_LAYOUT = {
  batchSizeLimit: { type: "u32", offset: 0 },
  reserved: { type: "bytes", offset: 4, size: 252 },
} as const;

/**
 * What a client sends to open a session. `batchSizeLimit`, in bytes, is 0 in the request; the primary fills it in when it
 * makes the prepare, so that it becomes part of the replicated state.
 */
export type RegisterRequest = RecordOf<typeof REGISTER_REQUEST_LAYOUT>;
export const RegisterRequest: RecordClass<typeof REGISTER_REQUEST_LAYOUT> = recordClass(
  REGISTER_REQUEST_SIZE_BYTES,
  REGISTER_REQUEST_LAYOUT,
);

/** Why a client's body of `register` (256 bytes) is invalid, or null if it is not. */
export function invalidRegisterRequest(body: RegisterRequest): string | null {
  if (body.batchSizeLimit !== 0) return "batch_size_limit is not 0";
  if (!isZero(body, REGISTER_REQUEST_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}

/** The size of the body of a `register` reply in bytes. */
export const REGISTER_RESULT_SIZE_BYTES = 64;

const REGISTER_RESULT_LAYOUT = {
  batchSizeLimit: { type: "u32", offset: 0 },
  reserved: { type: "bytes", offset: 4, size: 60 },
} as const;

/** What a client gets with its session: how large the body of its requests may be, in bytes. */
export type RegisterResult = RecordOf<typeof REGISTER_RESULT_LAYOUT>;
export const RegisterResult: RecordClass<typeof REGISTER_RESULT_LAYOUT> = recordClass(
  REGISTER_RESULT_SIZE_BYTES,
  REGISTER_RESULT_LAYOUT,
);
