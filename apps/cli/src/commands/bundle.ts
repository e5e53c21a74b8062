/** `ichor bundle verify [DIR]`. */
import { resolve } from 'node:path';
import { tryBundle } from '@ichor/analysis/inference/tryBundle';
import { loadConfig } from '@ichor/settings/config';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { paint } from '../terminal.ts';

/** Checks a bundle, runs its self-test and names every problem. @param dir null: the configured one */
export async function verify(cli: Cli, dir: string | null): Promise<ExitCode> {
  const modelDir = dir === null ? configOf(cli).modelDir : resolve(dir);
  // As shipped: a bundle is judged apart from what this site sets.
  const config = { ...loadConfig({}), modelDir };
  const { manifest, problems } = await tryBundle(config, createLog({ ...config, logLevel: 'silent' }, 'cli'));
  for (const problem of problems) cli.terminal.print(`${paint(cli.terminal, 'red', 'fail')}  ${problem}`);
  if (manifest === null || problems.length > 0) {
    cli.terminal.note(`${modelDir} is refused. Copy the bundle again from where it was released, or export it again.`);
    return EXIT.failed;
  }
  const { name, version } = manifest;
  cli.terminal.print(`${paint(cli.terminal, 'green', 'ok')}  ${name} ${version} in ${modelDir}: its self-test passes`);
  return EXIT.done;
}
