/** What was reached: rows (a decoder, a route, …) × outcomes, counted. */

/** `outcome` is a short code, e.g. `stored`, `0xA700`, `undecodable-pixel-data`. */
export type Cell = { readonly row: string; readonly outcome: string };

export type Coverage = {
  add(cells: readonly Cell[]): void;
  /** Those of the wanted cells that nothing reached; an outcome may be a pattern. */
  missing(wanted: readonly WantedCell[]): string[];
  /** Lines of a table: one per row, its outcomes with how many. */
  table(): string[];
};
export type WantedCell = { readonly row: string; readonly outcome: RegExp };

export function countCoverage(): Coverage {
  const rows = new Map<string, Map<string, number>>();
  return {
    add(cells) {
      for (const { row, outcome } of cells) {
        const counts = rows.get(row) ?? new Map<string, number>();
        rows.set(row, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
      }
    },
    missing: (wanted) =>
      wanted
        .filter(({ row, outcome }) => ![...(rows.get(row)?.keys() ?? [])].some((reached) => outcome.test(reached)))
        .map(({ row, outcome }) => `${row}: ${outcome.source}`),
    table() {
      const width = Math.max(0, ...[...rows.keys()].map((row) => row.length));
      return [...rows].sort(byName).map(([row, counts]) => {
        const outcomes = [...counts].sort(([, one], [, other]) => other - one);
        return `  ${row.padEnd(width)}  ${total(counts)}  ${outcomes.map(([name, count]) => `${name} ${count}`).join(', ')}`;
      });
    },
  };
}

const total = (counts: ReadonlyMap<string, number>): string =>
  String([...counts.values()].reduce((sum, count) => sum + count, 0)).padStart(7);
const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1;
