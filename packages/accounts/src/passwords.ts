/** Passwords: argon2id (RFC 9106) as PHC strings, and what a password must be. */
import { argon2 as argon2Callback, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const argon2 = promisify(argon2Callback);
/** RFC 9106 §4, second recommendation (64 MiB, three passes), on one lane: about 0.4 s of one core. */
const COST = { memory: 65_536, passes: 3, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const SHORTEST = 12;
/** Longer ones only cost time; a phrase of 200 letters still fits. */
const LONGEST_BYTES = 1_024;

/** `$argon2id$v=19$m=65536,t=3,p=1$salt$tag` */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const tag = await derive(password, salt, COST);
  const { memory, passes, parallelism } = COST;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

/**
 * Compares in constant time. Without a hash (an unknown user) the same work is done and the answer is false, so that
 * time does not tell who exists.
 */
export async function verifyPassword(password: string, phc: string | null): Promise<boolean> {
  const parts = readPhc(phc ?? NOBODY);
  const tag = await derive(password, parts.salt, parts.cost);
  return timingSafeEqual(tag, parts.tag) && phc !== null;
}

/** What is wrong with a new password, as a clause; null when it will do. @param name of the user */
export function passwordProblem(password: string, name: string): string | null {
  if ([...password.normalize('NFKC')].length < SHORTEST) return `it must have at least ${SHORTEST} characters`;
  if (Buffer.byteLength(password) > LONGEST_BYTES) return 'it is too long';
  if (password.toLowerCase().includes(name.toLowerCase())) return 'it must not contain the user name';
  if (new Set(password).size < 5) return 'it repeats too few different characters';
  return null;
}

type Cost = typeof COST;

/** Unicode in one form, so that the same letters typed on another keyboard are the same password (RFC 8265). */
function derive(password: string, nonce: Buffer, cost: Cost): Promise<Buffer> {
  return argon2('argon2id', { message: password.normalize('NFKC'), nonce, tagLength: TAG_BYTES, ...cost });
}

function readPhc(phc: string): { salt: Buffer; tag: Buffer; cost: Cost } {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(phc);
  if (found === null) throw new Error('the stored password is no argon2id string');
  const [memory, passes, parallelism] = found.slice(1, 4).map(Number) as [number, number, number];
  const [salt, tag] = found.slice(4).map((text) => Buffer.from(text, 'base64')) as [Buffer, Buffer];
  return { salt, tag, cost: { memory, passes, parallelism } };
}

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
const NOBODY = `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${base64(Buffer.alloc(SALT_BYTES))}$${base64(Buffer.alloc(TAG_BYTES))}`;
