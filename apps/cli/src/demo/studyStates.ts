/** Follows the studies of the demo through the API, as the page does. */
import type { StudyView } from '@ichor/shared/study';
import type { Terminal } from '../terminal.ts';
import { isSettled, type Received } from './outcome.ts';

const POLL_MS = 250;

/**
 * Polls until `count` studies are settled or the time is over, and tells each change of state.
 * @returns the worklist as it then is
 */
export async function followStudies(
  terminal: Terminal,
  httpPort: number,
  count: number,
  received: Received,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly StudyView[]> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const studies = await worklist(httpPort);
    terminal.whisper(`  ${studies.map(({ accessionNumber, state }) => `${accessionNumber} ${state}`).join(', ')} …`);
    const settled = studies.filter((study) => isSettled(study, received)).length;
    if (settled >= count || performance.now() > deadline) return studies;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function worklist(httpPort: number): Promise<readonly StudyView[]> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/studies`);
  return ((await answer.json()) as { studies: StudyView[] }).studies;
}
