import type { Log } from '@ichor/telemetry/log';
import type { Terminal } from '../terminal.ts';

/** What a person who runs an analysis by hand is told of inference processes: that they compute on something else than was asked for. Once for each. */
export function inferenceNotes(terminal: Terminal): Log {
  const noted = new Set<unknown>();
  return {
    event(name, { provider, reason } = {}) {
      if (name !== 'inference.provider-missing' || noted.has(provider)) return;
      noted.add(provider);
      terminal.note(
        `The execution provider ${provider} cannot be used (${reason}); the next one is tried, the processor last.`,
      );
    },
  };
}
