/** `ichor bundle verify [DIR]`. */
import { resolve } from 'node:path';
import { verifyBundle } from '@ichor/analysis/inference/bundle';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { paint } from '../terminal.ts';

/** Checks a bundle and names every problem. @param dir null: the configured one */
export async function verify(cli: Cli, dir: string | null): Promise<ExitCode> {
  const bundleDir = dir === null ? configOf(cli).modelDir : resolve(dir);
  const { manifest, problems } = await verifyBundle(bundleDir);
  for (const problem of problems) cli.terminal.print(`${paint(cli.terminal, 'red', 'fail')}  ${problem}`);
  if (problems.length > 0) {
    cli.terminal.note(`${bundleDir} is refused. Copy the bundle again from where it was released.`);
    return EXIT.failed;
  }
  cli.terminal.print(`${paint(cli.terminal, 'green', 'ok')}  ${manifest?.name} ${manifest?.version} in ${bundleDir}`);
  return EXIT.done;
}
