/** What was reached: rows (a decoder, a route, …) × outcomes, counted. */

/** `outcome` is a short code, e.g. `stored`, `0xA700`, `undecodable-pixel-data`. */
export type Cell = { readonly row: string; readonly outcome: string };

export type Coverage = {
  /** @param index of the input that reached them */
  add(cells: readonly Cell[], index: number): void;
  /** Those of the wanted cells that nothing reached; an outcome may be a pattern. */
  missing(wanted: readonly WantedCell[]): string[];
  /** Lines of a table: one per row, its outcomes with how many, and where the first is when there are few. */
  table(): string[];
};
export type WantedCell = { readonly row: string; readonly outcome: RegExp };

export function countCoverage(): Coverage {
  const rows = new Map<string, Map<string, Reached>>();
  return {
    add(cells, index) {
      for (const { row, outcome } of cells) {
        const counts = rows.get(row) ?? new Map<string, Reached>();
        const { count, first } = counts.get(outcome) ?? { count: 0, first: index };
        rows.set(row, counts.set(outcome, { count: count + 1, first }));
      }
    },
    missing: (wanted) =>
      wanted
        .filter(({ row, outcome }) => ![...(rows.get(row)?.keys() ?? [])].some((reached) => outcome.test(reached)))
        .map(({ row, outcome }) => `${row}: ${outcome.source}`),
    table() {
      const width = Math.max(0, ...[...rows.keys()].map((row) => row.length));
      return [...rows].sort(byName).map(([row, counts]) => {
        const outcomes = [...counts].sort(([, one], [, other]) => other.count - one.count).map(outcomeText);
        return `  ${row.padEnd(width)}  ${total(counts)}  ${outcomes.join(', ')}`;
      });
    },
  };
}

/** `first`: index of an input. */
type Reached = { readonly count: number; readonly first: number };
/** Such a rare outcome may be worth a look. */
const FEW = 3;
const outcomeText = ([name, { count, first }]: readonly [string, Reached]): string =>
  count > FEW ? `${name} ${count}` : `${name} ${count} (input ${first})`;
const total = (counts: ReadonlyMap<string, Reached>): string =>
  String([...counts.values()].reduce((sum, { count }) => sum + count, 0)).padStart(7);
const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1;
