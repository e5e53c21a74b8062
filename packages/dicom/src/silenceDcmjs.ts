/** dcmjs writes to the console what it finds odd in a dataset, with its values: between the lines of the log, patients named. */
type Logger = { setLevel(level: 'silent'): void };
type Dcmjs = { readonly log: Logger & { getLoggers(): Readonly<Record<string, Logger>> } };

/** What matters is reported by whoever uses the library. @param dcmjs the library, which may be loaded more than once */
export function silenceDcmjs(dcmjs: unknown): void {
  const { log } = dcmjs as Dcmjs;
  for (const logger of [log, ...Object.values(log.getLoggers())]) logger.setLevel('silent');
}
