/** Local users and people from single sign-on: what may be done with them, and what that ends. */
import type { Config } from '@ichor/settings/config';
import type { Role } from '@ichor/settings/signInSettings';
import { IchorError } from '@ichor/shared/errors';
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';
import {
  hasNoAccount,
  insertLocalAccount,
  readLocalAccount,
  setDisabled,
  setPasswordHash,
  setRole,
} from '@ichor/store/rows/account';
import { deleteSessionsOf } from '@ichor/store/rows/session';
import { hashPassword, passwordProblem } from './passwords.ts';

/** What makes the first user: where Ichor's folder is, and under Docker Compose. */
export const ADD_FIRST_USER = [
  'npx ichor user add NAME --role administrator',
  'docker compose exec worklist ichor user add NAME --role administrator',
] as const;

/** Local names are lower case and hold no `@`, which marks people from single sign-on. */
export const localName = (text: string): string => text.trim().toLowerCase();

/** @throws IchorError INPUT_UNUSABLE for a name or password that will not do, or a name that is taken */
export async function addAccount(
  database: Database,
  given: { readonly name: string; readonly role: Role; readonly password: string },
): Promise<void> {
  const name = localName(given.name);
  if (!/^[a-z0-9][a-z0-9._-]{1,63}$/.test(name))
    throw unusable(given.name, 'a user name has 2 to 64 letters, digits, dots, dashes and underscores');
  const passwordHash = await checkedHash(given.password, name);
  const account = { name, displayName: given.name.trim(), role: given.role, passwordHash };
  if (!(await insertLocalAccount(database, account))) throw unusable(name, 'there is such a user already');
}

/** A local user with the stored password, or null. */
export const findLocal = (database: Database, name: string): ReturnType<typeof readLocalAccount> =>
  readLocalAccount(database, localName(name));

/** Nobody can sign in: there is no user, and no provider that brings any. */
export async function lacksUser(
  { signIn, oidc }: Pick<Config, 'signIn' | 'oidc'>,
  database: Database,
): Promise<boolean> {
  return signIn && oidc === null && (await hasNoAccount(database));
}

/** Nobody with this name is signed in afterwards. @throws IchorError INPUT_UNUSABLE for an unknown name */
export const disableAccount = (database: Database, given: string): Promise<void> =>
  change(database, given, (client, name) => setDisabled(client, name, true));

/** The user may sign in again. @throws IchorError INPUT_UNUSABLE for an unknown name */
export const enableAccount = (database: Database, given: string): Promise<void> =>
  change(database, given, (client, name) => setDisabled(client, name, false));

/** Ends the sessions of the user. @throws IchorError INPUT_UNUSABLE for an unknown name */
export const changeRole = (database: Database, given: string, role: Role): Promise<void> =>
  change(database, given, (client, name) => setRole(client, name, role));

/** Ends every session of the user. @throws IchorError INPUT_UNUSABLE */
export async function changePassword(database: Database, given: string, password: string): Promise<void> {
  const hash = await checkedHash(password, localName(given));
  await change(database, given, (client, name) => setPasswordHash(client, name, hash));
}

/** Whoever is changed signs in again, so that nothing of the former rights remains. */
async function change(
  database: Database,
  given: string,
  set: (client: DatabaseClient, name: string) => Promise<string[]>,
): Promise<void> {
  const name = localName(given);
  await database.transaction(async (client) => {
    const changed = await set(client, name);
    if (changed.length === 0) throw unusable(name, 'there is no such user; `ichor user list` names them');
    await deleteSessionsOf(client, changed);
  });
}

async function checkedHash(password: string, name: string): Promise<string> {
  const problem = passwordProblem(password, name);
  if (problem !== null) throw unusable('The password', problem);
  return hashPassword(password);
}

const unusable = (path: string, reason: string): IchorError => new IchorError('INPUT_UNUSABLE', { path, reason });
