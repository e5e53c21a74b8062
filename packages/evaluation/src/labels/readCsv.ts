/** Comma-separated values (RFC 4180): quotes, either line ending, a byte order mark. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { IchorError, reasonOf } from '@ichor/shared/errors';

/** A row by its column names in plain form (see {@link plainName}), and where it stands in the file. */
export type CsvRow = { readonly line: number; readonly cells: ReadonlyMap<string, string> };
export type Csv = {
  readonly path: string;
  /** As written. */
  readonly columns: readonly string[];
  readonly rows: Iterable<CsvRow>;
};

/** Case, blanks and underscores carry no meaning: `SOPInstanceUID`, `sop_instance_uid` and `sopInstanceUid` are one. */
export const plainName = (column: string): string => column.toLowerCase().replace(/[^a-z0-9]/g, '');

/** @throws IchorError INPUT_UNUSABLE for a file that cannot be read, has no rows or names a column twice */
export async function readCsv(file: string): Promise<Csv> {
  const path = resolve(file);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new IchorError('INPUT_UNUSABLE', { path, reason: reasonOf(error) });
  });
  const records = recordsOf(text.replace(/^\uFEFF/, ''), path);
  const header = records.next();
  if (header.done) throw new IchorError('INPUT_UNUSABLE', { path, reason: 'it is empty' });
  const columns = header.value.cells.map((cell) => cell.trim());
  const names = columns.map(plainName);
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
  if (twice !== undefined) throw new IchorError('INPUT_UNUSABLE', { path, reason: `it has two columns "${twice}"` });
  return { path, columns, rows: rowsOf(records, names, path) };
}

function* rowsOf(records: Iterable<CsvRecord>, names: readonly string[], path: string): Generator<CsvRow> {
  for (const { line, cells } of records) {
    if (cells.length !== names.length)
      throw badRow(path, line, `it has ${cells.length} cells where the header has ${names.length}`);
    yield { line, cells: new Map(names.map((name, index) => [name, cells[index]!.trim()])) };
  }
}

/** What is wrong with a row, as an error that names the place. */
export const badRow = (path: string, line: number, reason: string): IchorError =>
  new IchorError('INPUT_UNUSABLE', { path: `${path}, line ${line},`, reason });

type CsvRecord = { readonly line: number; readonly cells: readonly string[] };

/** Lazily, for label files of millions of lines; empty lines are passed over. */
function* recordsOf(text: string, path: string): Generator<CsvRecord, undefined> {
  let [at, line] = [0, 1];
  while (at < text.length) {
    const end = endOfRecord(text, at);
    if (end === null) throw badRow(path, line, 'a quotation mark is never closed');
    const record = text.slice(at, end).replace(/\r$/, '');
    if (record.trim() !== '') yield { line, cells: cellsOf(record) };
    line += record.split('\n').length;
    at = end + 1;
  }
  return undefined;
}

/** Index of the line end that is not inside quotes, or of the end of the text; null when quotes stay open. */
function endOfRecord(text: string, from: number): number | null {
  for (let at = from; ; ) {
    const found = text.indexOf('\n', at);
    const end = found === -1 ? text.length : found;
    if (quotesIn(text.slice(from, end)) % 2 === 0) return end;
    if (found === -1) return null;
    at = found + 1;
  }
}

const quotesIn = (text: string): number => (text.includes('"') ? text.split('"').length - 1 : 0);

function cellsOf(record: string): string[] {
  if (!record.includes('"')) return record.split(',');
  const cells: string[] = [];
  let [cell, quoted] = ['', false];
  for (let index = 0; index < record.length; index++) {
    const letter = record[index]!;
    if (letter === '"' && quoted && record[index + 1] === '"') cell += record[++index]!;
    else if (letter === '"') quoted = !quoted;
    else if (letter === ',' && !quoted) {
      cells.push(cell);
      cell = '';
    } else cell += letter;
  }
  return [...cells, cell];
}
