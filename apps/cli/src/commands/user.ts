/** `ichor user add|list|disable|enable|password|role`. */
import { addAccount, changePassword, changeRole, disableAccount, enableAccount } from '@ichor/accounts/accounts';
import { listAccounts } from '@ichor/store/rows/account';
import type { Cli } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { table } from '../terminal.ts';
import { checkedRole, withAccounts } from './withAccounts.ts';

/** Adds a local user; the password comes from a prompt or, piped, from standard input. */
export async function addUser(cli: Cli, name: string, roleText: string): Promise<ExitCode> {
  const role = checkedRole(roleText);
  const password = await cli.secret(`Password for ${name}`);
  await withAccounts(cli, async (database, note) => {
    await addAccount(database, { name, role, password });
    await note('user-added', `${name} as ${role}`);
  });
  cli.terminal.print(`${name} can sign in as ${role}.`);
  return EXIT.done;
}

export async function listUsers(cli: Cli): Promise<ExitCode> {
  await withAccounts(cli, async (database) => {
    const accounts = await listAccounts(database);
    if (accounts.length === 0) cli.terminal.note('No users. Add the first: ichor user add NAME --role administrator');
    const rows = accounts.map((account) => [
      account.name,
      account.role,
      account.local ? 'password' : 'single sign-on',
      account.disabled ? 'disabled' : 'active',
      account.lastSignInAt ?? 'never signed in',
    ]);
    for (const line of table(rows)) cli.terminal.print(line);
  });
  return EXIT.done;
}

/** The user is signed out at once and cannot sign in again. */
export async function disableUser(cli: Cli, name: string): Promise<ExitCode> {
  await withAccounts(cli, async (database, note) => {
    await disableAccount(database, name);
    await note('user-disabled', name);
  });
  cli.terminal.print(`${name} is signed out and cannot sign in until "ichor user enable ${name}".`);
  return EXIT.done;
}

export async function enableUser(cli: Cli, name: string): Promise<ExitCode> {
  await withAccounts(cli, async (database, note) => {
    await enableAccount(database, name);
    await note('user-enabled', name);
  });
  cli.terminal.print(`${name} can sign in again.`);
  return EXIT.done;
}

export async function setPassword(cli: Cli, name: string): Promise<ExitCode> {
  const password = await cli.secret(`New password for ${name}`);
  await withAccounts(cli, async (database, note) => {
    await changePassword(database, name, password);
    await note('password-changed', name);
  });
  cli.terminal.print(`The password of ${name} is changed; every session of theirs has ended.`);
  return EXIT.done;
}

export async function setRole(cli: Cli, name: string, roleText: string): Promise<ExitCode> {
  const role = checkedRole(roleText);
  await withAccounts(cli, async (database, note) => {
    await changeRole(database, name, role);
    await note('user-role', `${name} is ${role}`);
  });
  cli.terminal.print(`${name} is ${role} from the next sign-in on.`);
  return EXIT.done;
}
