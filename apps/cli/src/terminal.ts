/**
 * What a command prints to. Colours and moving bars only on a terminal; plain lines when piped. Sole importer of cli-progress.
 *
 * A line may quote a scanner, a PACS or a file, and those may have sent what moves a cursor, hides a text or begins a line of its own.
 * Therefore every control character is printed as its number, and only {@link paint} can make colours.
 */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { styleText } from 'node:util';
import type CliProgress from 'cli-progress';

/** Where a command writes and what it may know of its surroundings. */
export type Terminal = {
  /** One line for the result: stdout. */
  print(line?: string): void;
  /** One line about the way there: stderr. */
  note(line: string): void;
  /** A text that the next {@link Terminal.print} replaces; nothing where output is piped. */
  whisper(text: string): void;
  readonly colours: boolean;
  /** Whether stderr is a person's terminal, where a progress bar may move. */
  readonly interactive: boolean;
};

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** @param env `NO_COLOR` switches colours off (no-color.org) */
export function openTerminal(
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  env: Readonly<Record<string, string | undefined>>,
): Terminal {
  let whispered = false;
  const clear = (): string => {
    const code = whispered ? '\r\u001b[2K' : '';
    whispered = false;
    return code;
  };
  return {
    print: (line = '') => void stdout.write(`${clear()}${painted(line)}\n`),
    note: (line) => void stderr.write(`${clear()}${painted(line)}\n`),
    whisper(text) {
      if (!stdout.isTTY) return;
      stdout.write(clear() + painted(text));
      whispered = true;
    },
    colours: Boolean(stdout.isTTY) && !env.NO_COLOR,
    interactive: Boolean(stderr.isTTY),
  };
}

/** Stands for the escape character of our own colours until a line is printed; nobody outside this process knows it. */
const ESCAPE = `\ufdd0${randomBytes(8).toString('hex')}\ufdd1`;
const painted = (line: string): string => visible(line).replaceAll(ESCAPE, '\u001b');

/**
 * A text with its control characters, line ends and marks of writing direction as JSON writes them (\u001b): a terminal obeys
 * none of them, and a line of JSON stays the same value.
 */
export const visible = (text: string): string => text.replaceAll(UNSEEN, escaped);
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const escaped = (one: string): string => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The text in a style where the terminal shows it, else as it is. */
export function paint(terminal: Terminal, style: Style | readonly Style[], text: string): string {
  if (!terminal.colours) return text;
  return styleText(style as Style, visible(text), { validateStream: false }).replaceAll('\u001b', ESCAPE);
}

export type Progress = { step(label: string): void; done(): void };

/** A bar that fills on a terminal; elsewhere a line for every tenth of the way. @param total steps */
export function startProgress(terminal: Terminal, title: string, total: number): Progress {
  return terminal.interactive ? movingBar(title, total) : plainLines(terminal, title, total);
}

function movingBar(title: string, total: number): Progress {
  /** Loaded only for a bar: most commands show none. */
  const cliProgress: typeof CliProgress = createRequire(import.meta.url)('cli-progress');
  const format = `${title} [{bar}] {value}/{total} {label}`;
  const bar = new cliProgress.SingleBar({
    format,
    hideCursor: true,
    clearOnComplete: true,
    barsize: 30,
    stream: process.stderr,
  });
  bar.start(total, 0, { label: '' });
  return { step: (label) => bar.increment(1, { label: visible(label) }), done: () => bar.stop() };
}

function plainLines(terminal: Terminal, title: string, total: number): Progress {
  let count = 0;
  return {
    step(label) {
      count += 1;
      const tenth = (value: number): number => Math.floor((value * 10) / total);
      if (tenth(count) > tenth(count - 1)) terminal.note(`${title}: ${count} of ${total}${label ? ` (${label})` : ''}`);
    },
    done: () => undefined,
  };
}

/** Rows in aligned columns, two blanks between; the last column is not padded. Cells may hold colours. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, width(cell));
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell + ' '.repeat(widths[index]! - width(cell))))
      .join('  ')
      .trimEnd(),
  );
}

const width = (text: string): number => visible(stripColours(text)).length;
const stripColours = (text: string): string => text.replaceAll(COLOUR, '');
const COLOUR = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g');
