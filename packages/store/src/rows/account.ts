/** The table `account`: local users, and people from single sign-on. One statement per function. */
import type { Role } from '@ichor/settings/signInSettings';
import type { Database, DatabaseClient } from '../postgres/database.ts';

export type Account = {
  readonly accountId: string;
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
  readonly local: boolean;
  readonly disabled: boolean;
  readonly lastSignInAt: string | null;
};

/** A person as the provider describes them. */
export type OidcAccount = {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
};

const COLUMNS = 'account_id, name, display_name, role, issuer, disabled_at, last_sign_in_at';

/** @returns false when there is such a local user already */
export async function insertLocalAccount(
  database: Database,
  given: { readonly name: string; readonly displayName: string; readonly role: Role; readonly passwordHash: string },
): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `INSERT INTO account (name, display_name, role, password_hash) VALUES ($1, $2, $3, $4)
     ON CONFLICT (name) WHERE issuer IS NULL DO NOTHING`,
    [given.name, given.displayName, given.role, given.passwordHash],
  );
  return rowCount !== 0;
}

/** A local user with the stored password, or null. */
export async function readLocalAccount(
  database: Database,
  name: string,
): Promise<{ readonly account: Account; readonly passwordHash: string } | null> {
  const { rows } = await database.pool.query(
    `SELECT ${COLUMNS}, password_hash FROM account WHERE name = $1 AND issuer IS NULL`,
    [name],
  );
  return rows.length === 0 ? null : { account: toAccount(rows[0]), passwordHash: rows[0].password_hash };
}

/** At every sign-in: what the provider says then counts, the role too. */
export async function upsertOidcAccount(database: Database, person: OidcAccount): Promise<Account> {
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

export async function hasNoAccount(database: Database): Promise<boolean> {
  const { rows } = await database.pool.query('SELECT NOT EXISTS (SELECT 1 FROM account) AS none');
  return rows[0].none;
}

export async function markSignedIn(client: DatabaseClient, accountId: string): Promise<void> {
  await client.query('UPDATE account SET last_sign_in_at = now() WHERE account_id = $1', [accountId]);
}

/** The local user of this name and everybody from single sign-on who bears it. @returns whom it changed, by account id */
export function setDisabled(client: DatabaseClient, name: string, disabled: boolean): Promise<string[]> {
  return change(client, `SET disabled_at = CASE WHEN $2::boolean THEN now() END WHERE name = $1`, [name, disabled]);
}

/** Of a local user. @returns whom it changed, by account id */
export function setRole(client: DatabaseClient, name: string, role: Role): Promise<string[]> {
  return change(client, 'SET role = $2 WHERE name = $1 AND issuer IS NULL', [name, role]);
}

/** Of a local user. @returns whom it changed, by account id */
export function setPasswordHash(client: DatabaseClient, name: string, hash: string): Promise<string[]> {
  return change(client, 'SET password_hash = $2 WHERE name = $1 AND issuer IS NULL', [name, hash]);
}

async function change(client: DatabaseClient, clauses: string, values: (string | boolean)[]): Promise<string[]> {
  const { rows } = await client.query(`UPDATE account ${clauses} RETURNING account_id`, values);
  return rows.map((row) => String(row.account_id));
}

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
