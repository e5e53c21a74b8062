/**
 * What a setting is: declared once, as data, in `sections/`. Reading it, its error messages, `ichor doctor` and docs/configuration.md
 * come from that.
 */

/** Turns the text of a setting into its value. */
export type Reader<T> = {
  /** Kind of the text, for docs/configuration.md, e.g. `whole number`. */
  readonly type: string;
  /** What is accepted of that kind, e.g. `0–65535`. */
  readonly range?: string;
  readonly unit?: Unit;
  /** @throws Error whose message goes on after the name of the setting: `must be …` */
  read(text: string): T;
};
export type Unit = 'ms' | 'minutes' | 'days' | 'bytes' | 'bytes/s';

export type Setting<T = unknown> = {
  /** Environment variable, and key in the file that ICHOR_CONFIG names. */
  readonly name: `ICHOR_${string}`;
  readonly reader: Reader<T>;
  /** The text that counts where none is given; null: then the value is null. */
  readonly default: string | null;
  /** What null means, e.g. `embedded, under ICHOR_DATA_DIR`. */
  readonly unset?: string;
  /** Shown to nobody. */
  readonly secret?: true;
  /** The effect, in one sentence without a full stop. */
  readonly about: string;
};

/** Settings by the name that their values have in the configuration. */
export type SettingTable = Readonly<Record<string, Setting>>;

type ValueOf<S> = S extends { reader: Reader<infer T>; default: infer D } ? (D extends null ? T | null : T) : never;
export type ValuesOf<Table> = { readonly [Key in keyof Table]: ValueOf<Table[Key]> };

/** What is set, by name; nothing that is empty. `place` is `file:line`, null in the environment. */
export type Given = Readonly<Record<string, { readonly text: string; readonly place: string | null }>>;
/** The texts of `Given`. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** Takes note of a text that cannot be read. @param reason goes on after the name: `must be …` */
export type Refuse = (name: string, reason: string) => void;

/** The values of a table. The value of a text that is refused is missing: use none before you know that there is no such text. */
export function readTable<Table extends SettingTable>(table: Table, texts: Texts, refuse: Refuse): ValuesOf<Table> {
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(table))
    try {
      values[key] = readSetting(setting, texts[setting.name]);
    } catch (error) {
      refuse(setting.name, (error as Error).message);
    }
  return values as ValuesOf<Table>;
}

/** @throws Error when the text cannot be read */
export function readSetting<T>({ reader, default: byDefault }: Setting<T>, text = byDefault): T | null {
  return text === null ? null : reader.read(text);
}
