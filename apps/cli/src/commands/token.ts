/** `ichor token add|list|revoke`. */
import { addToken, revokeToken } from '@ichor/accounts/tokens';
import { listTokens } from '@ichor/store/rows/apiToken';
import type { Cli } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { table } from '../terminal.ts';
import { checkedRole, withAccounts } from './withAccounts.ts';

export type TokenOptions = { readonly role: string; readonly expires?: number; readonly patientData?: boolean };

/** Prints the token on standard output, once and alone, so that a script can take it. */
export async function createToken(cli: Cli, name: string, options: TokenOptions): Promise<ExitCode> {
  const role = checkedRole(options.role);
  const [days, patientData] = [options.expires ?? null, options.patientData ?? false];
  await withAccounts(cli, async (database, note) => {
    const token = await addToken(database, { name, role, patientData, days });
    await note('token-added', `${name} as ${role}${patientData ? ', with patient data' : ''}`);
    cli.terminal.note(`The token of ${name} (${role}), shown only now. Send it as "Authorization: Bearer …".`);
    cli.terminal.print(token);
  });
  return EXIT.done;
}

export async function showTokens(cli: Cli): Promise<ExitCode> {
  await withAccounts(cli, async (database) => {
    const tokens = await listTokens(database);
    if (tokens.length === 0) cli.terminal.note('No tokens.');
    const rows = tokens.map((token) => [
      token.name,
      token.role,
      token.patientData ? 'with patient data' : 'without patient data',
      token.revokedAt === null ? `until ${token.expiresAt ?? 'revoked'}` : `revoked ${token.revokedAt}`,
      token.lastUsedAt === null ? 'never used' : `used ${token.lastUsedAt}`,
    ]);
    for (const line of table(rows)) cli.terminal.print(line);
  });
  return EXIT.done;
}

export async function endToken(cli: Cli, name: string): Promise<ExitCode> {
  await withAccounts(cli, async (database, note) => {
    await revokeToken(database, name);
    await note('token-revoked', name);
  });
  cli.terminal.print(`The token ${name} is of no use any more.`);
  return EXIT.done;
}
