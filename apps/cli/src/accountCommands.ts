/** `ichor user …` and `ichor token …`: options and help. */
import type { Command } from 'commander';
import type { TokenOptions } from './commands/token.ts';
import type { Cli } from './context.ts';
import type { ExitCode } from './exitCodes.ts';

const ROLE = ['--role <role>', 'viewer, radiologist or administrator'] as const;

/** @param wholeNumber reads an option that counts @param done takes the exit code */
export function addAccounts(
  program: Command,
  cli: Cli,
  wholeNumber: (text: string) => number,
  done: (code: ExitCode) => void,
): void {
  const user = program.command('user').description('people who sign in with a password of Ichor');
  user
    .command('add')
    .description('add a user; the password is asked for, or read from a pipe')
    .argument('<name>')
    .requiredOption(...ROLE)
    .action(async (name: string, { role }: { role: string }) => {
      const { addUser } = await import('./commands/user.ts');
      done(await addUser(cli, name, role));
    });
  user
    .command('list')
    .description('every user, those from single sign-on too')
    .action(async () => {
      const { listUsers } = await import('./commands/user.ts');
      done(await listUsers(cli));
    });
  user
    .command('disable')
    .description('sign a user out and let them in no more')
    .argument('<name>')
    .action(async (name: string) => {
      const { disableUser } = await import('./commands/user.ts');
      done(await disableUser(cli, name));
    });
  user
    .command('enable')
    .description('let a disabled user in again')
    .argument('<name>')
    .action(async (name: string) => {
      const { enableUser } = await import('./commands/user.ts');
      done(await enableUser(cli, name));
    });
  user
    .command('password')
    .description('give a user a new password')
    .argument('<name>')
    .action(async (name: string) => {
      const { setPassword } = await import('./commands/user.ts');
      done(await setPassword(cli, name));
    });
  user
    .command('role')
    .description('give a user another role')
    .argument('<name>')
    .argument('<role>', ROLE[1])
    .action(async (name: string, role: string) => {
      const { setRole } = await import('./commands/user.ts');
      done(await setRole(cli, name, role));
    });
  addTokens(program, cli, wholeNumber, done);
}

function addTokens(
  program: Command,
  cli: Cli,
  wholeNumber: (text: string) => number,
  done: (code: ExitCode) => void,
): void {
  const token = program.command('token').description('API tokens of other programs');
  token
    .command('add')
    .description('make a token and print it, once')
    .argument('<name>')
    .requiredOption(...ROLE)
    .option('--expires <days>', 'how long it is good; otherwise until it is revoked', wholeNumber)
    .option('--patient-data', 'answers name the patient')
    .action(async (name: string, options: TokenOptions) => {
      const { createToken } = await import('./commands/token.ts');
      done(await createToken(cli, name, options));
    });
  token
    .command('list')
    .description('every token, without its secret')
    .action(async () => {
      const { showTokens } = await import('./commands/token.ts');
      done(await showTokens(cli));
    });
  token
    .command('revoke')
    .description('make a token useless at once')
    .argument('<name>')
    .action(async (name: string) => {
      const { endToken } = await import('./commands/token.ts');
      done(await endToken(cli, name));
    });
}
