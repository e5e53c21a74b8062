/** Work that is done only while what it stands on is there. */

const LOOK_EVERY_MS = 1_000;

/**
 * Starts the work once `check` passes, stops it when it throws, and starts it again when it passes again.
 * @param start returns what stops the work. @returns what ends all of it
 */
export function runWhile(check: () => Promise<void>, start: () => () => Promise<void>): () => Promise<void> {
  let stop: (() => Promise<void>) | null = null;
  let looking: Promise<void> | null = null;
  const look = async (): Promise<void> => {
    const passes = await check().then(
      () => true,
      () => false,
    );
    if (passes) stop ??= start();
    if (passes || stop === null) return;
    const stopping = stop();
    stop = null;
    await stopping;
  };
  const lookOnce = (): void => {
    looking ??= look().finally(() => {
      looking = null;
    });
  };
  lookOnce();
  const timer = setInterval(lookOnce, LOOK_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await looking;
    await stop?.();
  };
}
