/** A database that refuses some statements for good, as PostgreSQL does a row that it cannot store. */
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';

const invalid = (): Error => Object.assign(new Error('invalid byte sequence'), { code: '22021' });

/** @param statement what is in the statements that are refused */
export function refusing(database: Database, statement: RegExp, error: () => Error = invalid): Database {
  const guarded =
    (query: DatabaseClient['query']): DatabaseClient['query'] =>
    async (text, values) => {
      if (statement.test(text)) throw error();
      return query(text, values);
    };
  return {
    ...database,
    pool: { query: guarded(database.pool.query) },
    transaction: (work) => database.transaction(({ query }) => work({ query: guarded(query) })),
  };
}
