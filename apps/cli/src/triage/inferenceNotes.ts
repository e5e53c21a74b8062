import type { Log } from '@ichor/shared';
import type { Terminal } from '../terminal.ts';

/** What a person who runs an analysis by hand is told of the inference process: that it computes on something else than was asked for. */
export const inferenceNotes = (terminal: Terminal): Log => ({
  event(name, { provider, reason } = {}) {
    if (name === 'inference.provider-missing')
      terminal.note(
        `The execution provider ${provider} cannot be used (${reason}); the next one is tried, the processor last.`,
      );
  },
});
