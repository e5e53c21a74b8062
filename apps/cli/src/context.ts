/** What every command gets: where it runs, never through globals. */
import type { Config } from '@ichor/settings/config';
import { loadConfig } from '@ichor/settings/config';
import type { Terminal } from './terminal.ts';

/** Signals as `process` emits them. */
export type Signals = {
  on(signal: 'SIGINT' | 'SIGTERM', handler: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', handler: () => void): unknown;
};

export type Cli = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly signals: Signals;
  /** Asks for a secret without showing it; from a pipe its first line. */
  secret(prompt: string): Promise<string>;
  /** Ends the process at once, whatever is under way. */
  exitNow(code: number): void;
};

/** The configuration of the environment. @throws IchorError CONFIG_INVALID with every problem */
export function configOf(cli: Cli): Config {
  return loadConfig(cli.env);
}

/** Npm, a terminal and a launcher may each deliver the same Ctrl-C: within this time it counts once. */
const SAME_SIGNAL_MS = 1_000;

/**
 * Waits for Ctrl-C or SIGTERM. A second one later on means that the person does not want to wait for the drain.
 * @param impatient called on that second one
 */
export function untilSignal(signals: Signals, impatient: () => void): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | null = null;
    const handle = (): void => {
      if (firstAt === null) resolve();
      else if (Date.now() - firstAt > SAME_SIGNAL_MS) impatient();
      firstAt ??= Date.now();
    };
    signals.on('SIGINT', handle);
    signals.on('SIGTERM', handle);
  });
}
