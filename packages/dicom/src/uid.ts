/** UIDs (PS3.5 §9 and §B.2). */
import { createHash } from 'node:crypto';

/** Namespace of every UID that Ichor derives; a random UUID chosen once. */
const NAMESPACE = Buffer.from('5f6c1c0e2b7f4f6e9a3d8c5b1e407a92', 'hex');

/** Digits and dots, at most 64 characters, no empty component, no leading zero (PS3.5 §9.1). */
export function isValidUid(text: string): boolean {
  return text.length <= 64 && /^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$/.test(text);
}

/**
 * What may name a file in the spool: digits and dots only, so never a path. Tolerates the leading zeros that real
 * devices write (PS3.5 §9.1 forbids them, but refusing a head CT for them would lose it).
 */
export function isSafeUid(text: string): boolean {
  return text.length <= 64 && /^\d+(\.\d+)+$/.test(text);
}

/**
 * A UID derived from its parts: UUID version 5 under 2.25 (PS3.5 §B.2). Equal parts give the equal UID, so that
 * making an object twice makes no second object.
 */
export function deriveUid(...parts: readonly string[]): string {
  const hash = createHash('sha1').update(NAMESPACE).update(parts.join('\0')).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${hash.toString('hex')}`)}`;
}
