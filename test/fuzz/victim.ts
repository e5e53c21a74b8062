/** A child process under attack: one question at a time, a deadline on each, and a new one when it ended. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Fault } from './target.ts';

export type Victim<Question, Answer> = {
  ask(question: Question): Promise<{ readonly answer: Answer } | { readonly fault: Fault }>;
  /** Null while none runs. */
  pid(): number | null;
  close(): void;
};
type Options = { readonly env?: Readonly<Record<string, string>>; readonly deadlineMs: number };

/** @param entry a module that says `{kind: 'ready'}` once it listens */
export async function startVictim<Question extends object, Answer>(
  entry: string,
  { env = {}, deadlineMs }: Options,
): Promise<Victim<Question, Answer>> {
  const START_MS = 60_000;
  let printed = '';
  const begin = async (): Promise<ChildProcess> => {
    const child = fork(entry, [], {
      env: { ...process.env, ...env },
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning', '--expose-gc', '--max-old-space-size=512'],
    });
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (data) => (printed = `${printed}${data}`.slice(-4_000)));
    const ready = await converse(child, null, START_MS);
    if ('fault' in ready) throw new Error(`${entry} did not start: ${ready.fault.message}`);
    return child;
  };
  /** The next message, the end of the process, or the deadline, which kills it. */
  const converse = (child: ChildProcess, question: Question | null, ms: number) =>
    new Promise<{ answer: Answer } | { fault: Fault }>((resolve) => {
      const settle = (outcome: { answer: Answer } | { fault: Fault }): void => {
        clearTimeout(timer);
        child.off('message', onMessage).off('exit', onExit);
        resolve(outcome);
      };
      const onMessage = (answer: unknown): void => settle({ answer: answer as Answer });
      const onExit = (code: number | null, signal: string | null): void =>
        settle({ fault: { kind: 'crash', message: `the process ended with ${signal ?? code}: ${printed}` } });
      /** In two halves: what arrived while this process itself was busy is seen before the second one ends. */
      let timer = setTimeout(() => {
        timer = setTimeout(() => {
          settle({ fault: { kind: 'hang', message: `no answer within ${ms} ms` } });
          child.kill('SIGKILL');
        }, ms / 2);
      }, ms / 2);
      child.on('message', onMessage).on('exit', onExit);
      if (question !== null) child.send(question);
    });
  let child: ChildProcess | null = await begin();
  return {
    async ask(question) {
      child ??= await begin();
      const outcome = await converse(child, question, deadlineMs);
      if ('fault' in outcome) child = null;
      const words = printed;
      printed = '';
      if ('fault' in outcome || words === '') return outcome;
      return { fault: { kind: 'improper-answer', message: `printed: ${words}` } };
    },
    pid: () => child?.pid ?? null,
    close: () => void child?.disconnect(),
  };
}
