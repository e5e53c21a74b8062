/** Local users and people from single sign-on: one statement per function. */
import type { Config } from '@ichor/settings/config';
import type { Role } from '@ichor/settings/signInSettings';
import { IchorError } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import { hashPassword, passwordProblem } from './passwords.ts';

/** What makes the first user: where Ichor's folder is, and under Docker Compose. */
export const ADD_FIRST_USER = [
  'npx ichor user add NAME --role administrator',
  'docker compose exec worklist ichor user add NAME --role administrator',
] as const;

export type Account = {
  readonly accountId: string;
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
  readonly local: boolean;
  readonly disabled: boolean;
  readonly lastSignInAt: string | null;
};

const COLUMNS = 'account_id, name, display_name, role, issuer, disabled_at, last_sign_in_at';

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
  const hash = await checkedHash(given.password, name);
  const { rowCount } = await database.pool.query(
    `INSERT INTO account (name, display_name, role, password_hash) VALUES ($1, $2, $3, $4)
     ON CONFLICT (name) WHERE issuer IS NULL DO NOTHING`,
    [name, given.name.trim(), given.role, hash],
  );
  if (rowCount === 0) throw unusable(name, 'there is such a user already');
}

/** A local user with the stored password, or null. */
export async function findLocal(
  database: Database,
  name: string,
): Promise<{ readonly account: Account; readonly passwordHash: string } | null> {
  const { rows } = await database.pool.query(
    `SELECT ${COLUMNS}, password_hash FROM account WHERE name = $1 AND issuer IS NULL`,
    [localName(name)],
  );
  return rows.length === 0 ? null : { account: toAccount(rows[0]), passwordHash: rows[0].password_hash };
}

/** A person as the provider describes them at this sign-in; the role is the provider's word each time. */
export async function saveOidcAccount(
  database: Database,
  person: {
    readonly issuer: string;
    readonly subject: string;
    readonly name: string;
    readonly displayName: string;
    readonly role: Role;
  },
): Promise<Account> {
  const { rows } = await database.pool.query(
    `INSERT INTO account (issuer, subject, name, display_name, role) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (issuer, subject) DO UPDATE SET name = $3, display_name = $4, role = $5
     RETURNING ${COLUMNS}`,
    [person.issuer, person.subject, person.name, person.displayName, person.role],
  );
  return toAccount(rows[0]);
}

export async function listAccounts(database: Database): Promise<Account[]> {
  const { rows } = await database.pool.query(`SELECT ${COLUMNS} FROM account ORDER BY name`);
  return rows.map(toAccount);
}

/** Nobody can sign in: there is no user, and no provider that brings any. */
export async function lacksUser(
  { signIn, oidc }: Pick<Config, 'signIn' | 'oidc'>,
  database: Database,
): Promise<boolean> {
  if (!signIn || oidc !== null) return false;
  const { rows } = await database.pool.query('SELECT NOT EXISTS (SELECT 1 FROM account) AS none');
  return rows[0].none;
}

/** Nobody with this name is signed in afterwards. @throws IchorError INPUT_UNUSABLE for an unknown name */
export async function disableAccount(database: Database, name: string): Promise<void> {
  await change(database, name, 'UPDATE account SET disabled_at = now() WHERE name = $1 RETURNING account_id', []);
}

/** The user may sign in again. @throws IchorError INPUT_UNUSABLE for an unknown name */
export async function enableAccount(database: Database, name: string): Promise<void> {
  await change(database, name, 'UPDATE account SET disabled_at = NULL WHERE name = $1 RETURNING account_id', []);
}

/** Ends the sessions of the user. @throws IchorError INPUT_UNUSABLE for an unknown name */
export async function changeRole(database: Database, name: string, role: Role): Promise<void> {
  await change(database, name, 'UPDATE account SET role = $2 WHERE name = $1 AND issuer IS NULL RETURNING account_id', [
    role,
  ]);
}

/** Ends every session of the user. @throws IchorError INPUT_UNUSABLE */
export async function changePassword(database: Database, name: string, password: string): Promise<void> {
  const hash = await checkedHash(password, localName(name));
  await change(
    database,
    name,
    'UPDATE account SET password_hash = $2 WHERE name = $1 AND issuer IS NULL RETURNING account_id',
    [hash],
  );
}

/** Whoever is changed signs in again, so that nothing of the former rights remains. */
async function change(database: Database, given: string, statement: string, values: string[]): Promise<void> {
  const name = localName(given);
  await database.transaction(async (client) => {
    const { rows } = await client.query(statement, [name, ...values]);
    if (rows.length === 0) throw unusable(name, 'there is no such user; `ichor user list` names them');
    await client.query('DELETE FROM session WHERE account_id = ANY ($1)', [rows.map((row) => row.account_id)]);
  });
}

async function checkedHash(password: string, name: string): Promise<string> {
  const problem = passwordProblem(password, name);
  if (problem !== null) throw unusable('The password', problem);
  return hashPassword(password);
}

const unusable = (path: string, reason: string): IchorError => new IchorError('INPUT_UNUSABLE', { path, reason });

// biome-ignore lint/suspicious/noExplicitAny: a row of pg
function toAccount(row: any): Account {
  return {
    accountId: String(row.account_id),
    name: row.name,
    displayName: row.display_name,
    role: row.role,
    local: row.issuer === null,
    disabled: row.disabled_at !== null,
    lastSignInAt: row.last_sign_in_at?.toISOString() ?? null,
  };
}
