/** API tokens of machines: shown once, kept as a hash, with a role, an end and a switch for patient data. */
import type { Role } from '@ichor/settings/signInSettings';
import { IchorError } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import { insertToken, markRevoked, useToken } from '@ichor/store/rows/apiToken';
import type { Identity } from './identity.ts';
import { hashOf, newSecret } from './secrets.ts';

/** @returns the token, which nobody can read again @throws IchorError INPUT_UNUSABLE when the name is taken or odd */
export async function addToken(
  database: Database,
  given: { readonly name: string; readonly role: Role; readonly patientData: boolean; readonly days: number | null },
): Promise<string> {
  if (!/^[\w.-]{2,64}$/.test(given.name))
    throw unusable(given.name, 'a token name has 2 to 64 letters, digits, dots, dashes and underscores');
  const token = `ichor_${newSecret()}`;
  if (!(await insertToken(database, { ...given, hash: hashOf(token) })))
    throw unusable(given.name, 'there is a token of this name already');
  return token;
}

export async function findToken(database: Database, token: string): Promise<Identity | null> {
  const tokenHash = hashOf(token);
  const found = await useToken(database, tokenHash);
  if (found === null) return null;
  const user = { name: found.name, displayName: found.name, role: found.role, kind: 'token' } as const;
  return { user, maySeePatients: found.patientData, session: null, tokenHash };
}

/** The token is of no use from now on. @throws IchorError INPUT_UNUSABLE for an unknown or revoked one */
export async function revokeToken(database: Database, name: string): Promise<void> {
  if (!(await markRevoked(database, name)))
    throw unusable(name, 'there is no such token in use; `ichor token list` names them');
}

const unusable = (path: string, reason: string): IchorError => new IchorError('INPUT_UNUSABLE', { path, reason });
