/** The process edge of `ichor`: only this file touches `process`. */
import { restrictTls } from '@ichor/settings/tlsPolicy';
import { run } from './program.ts';
import { openSecretReader } from './secret.ts';
import { openTerminal } from './terminal.ts';

/** `ichor … | head` closes our output early; that is no fault. */
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    throw error;
  });

restrictTls();

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  terminal: openTerminal(process.stdout, process.stderr, process.env),
  signals: process,
  secret: openSecretReader(process.stdin, process.stderr),
  exitNow: (code) => process.exit(code),
});

/** What a library leaves open must not keep a finished command alive. */
setTimeout(() => process.exit(), 3_000).unref();
