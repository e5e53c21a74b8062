/** Rows are always locked in the same order, so that two transactions do not wait for each other. */

/** The first of each key, ordered by key. */
export function firstOf<T>(values: readonly T[], keyOf: (value: T) => string): T[] {
  const first = new Map<string, T>();
  for (const value of values) if (!first.has(keyOf(value))) first.set(keyOf(value), value);
  return [...first].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, value]) => value);
}
