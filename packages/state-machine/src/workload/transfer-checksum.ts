/**
 * Transfers that prove themselves: their `user_data_128` is a checksum of everything else (spec 07 §15.1).
 *
 * @module
 */
import { checksumOf } from "@stagbeetle/kernels";
import { Transfer } from "../accounting/transfer.ts";

/** The checksum that the transfer ought to carry. Neither `user_data_128` nor the timestamp is part of it. */
export function transferChecksum(transfer: Transfer): bigint {
  const bytes = transfer.buffer.slice(transfer.offset, transfer.offset + Transfer.sizeBytes);
  const plain = new Transfer(bytes);
  plain.userData128 = 0n;
  plain.timestamp = 0n;
  return checksumOf(bytes);
}
