/**
 * Ends a standard stream of the process for whoever is at its other end.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { loadSystemCalls, type SystemCalls } from "./system-calls.ts";

/**
 * Lets an open descriptor lead to nothing: a reader of the pipe that it was sees the end, and what is still written to it is lost.
 *
 * It is never free. Another thread could get the number for an epoll descriptor of its own, and libuv aborts the process when
 * it is to close one below 3. Without system calls it is free for a moment: start no thread meanwhile.
 *
 * @param systemCalls null to use nothing but Node.
 */
export function leadNowhere(
  fileDescriptor: number,
  systemCalls: Pick<SystemCalls, "duplicateOnto"> | null = loadSystemCalls(),
): void {
  const nowhere = openSync(devNull, "w");
  const done = systemCalls?.duplicateOnto(nowhere, fileDescriptor) ?? false;
  closeSync(nowhere);
  if (done) return;
  closeSync(fileDescriptor);
  openSync(devNull, "w");
}
