/**
 * For tests outside of this package: what replicas send to clients. Not published.
 */
export { buildMessage, evictionOf, registerResult, replyTo } from "./messages.ts";
