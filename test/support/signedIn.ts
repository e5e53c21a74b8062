/** A worklist with sign-in on its own port, its users, and clients that are signed in. */

import { addAccount } from '@ichor/accounts/accounts';
import { loadConfig } from '@ichor/settings/config';
import type { Role } from '@ichor/settings/signInSettings';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { createLog } from '@ichor/telemetry/log';
import { startWorklistRole } from '@ichor/worklist/worklist';
import { freePort } from './ichor.ts';
import { startPostgres } from './postgres.ts';
import { openWebClient, type WebClient } from './webClient.ts';
import { openWorkFolder } from './workFolder.ts';

export const PASSWORD = 'correct horse battery staple';

export type SignedInWorklist = {
  readonly database: Database;
  readonly url: string;
  /** Stops the worklist and starts it again on the same port and database. @param signIn false: as the demo runs */
  restart(env?: Readonly<Record<string, string>>, signIn?: boolean): Promise<void>;
  addUser(name: string, role: Role): Promise<void>;
  /** A client that has signed in with {@link PASSWORD}. */
  signIn(name: string): Promise<WebClient>;
  stop(): Promise<void>;
};

/**
 * @param settings given the origin of the worklist, for those that name it
 * @param programs of PostgreSQL; the ones that come with Ichor when left out
 */
export async function startSignedInWorklist(
  settings: (origin: string) => Readonly<Record<string, string>> = () => ({}),
  programs?: string,
): Promise<SignedInWorklist> {
  const [postgres, folder, port] = [await startPostgres(programs), await openWorkFolder('sign-in'), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const configWith = (env: Readonly<Record<string, string>>) =>
    loadConfig({
      ICHOR_DATABASE_URL: postgres.url,
      ICHOR_DATA_DIR: folder.path,
      ICHOR_HTTP_PORT: String(port),
      ICHOR_LOG_LEVEL: 'silent',
      ...settings(url),
      ...env,
    });
  const log = createLog({ logLevel: 'silent' }, 'test');
  const database = await openDatabase(configWith({}), log);
  let role = await startWorklistRole(configWith({}), log);
  return {
    database,
    url,
    async restart(env = {}, signIn = true) {
      await role.close();
      role = await startWorklistRole({ ...configWith(env), signIn }, log);
    },
    addUser: (name, given) => addAccount(database, { name, role: given, password: PASSWORD }),
    async signIn(name) {
      const client = openWebClient(url);
      const page = await client.submit('/sign-in', { name, password: PASSWORD });
      if (page.status !== 200) throw new Error(`${name} could not sign in: ${page.status} ${page.text}`);
      return client;
    },
    async stop() {
      await role.close();
      await database.close();
      await postgres.stop();
      await folder.remove();
    },
  };
}
