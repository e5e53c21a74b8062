/** Names and numbers of a command line, also as npm hands them over when `--` was left out. */

export type CommandLine = {
  readonly names: readonly string[];
  readonly numbers: Readonly<Record<string, number | undefined>>;
  /** What cannot be understood, or null. */
  readonly problem: string | null;
};

/**
 * `npm run x dimse --minutes 3` gives the program `dimse 3` and the environment `npm_config_minutes=true`: such numbers belong
 * to the options in the order of `options`.
 */
export function commandLine(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  options: readonly string[],
): CommandLine {
  const numbers: Record<string, number | undefined> = {};
  const rest: string[] = [];
  const problems: string[] = [];
  const take = (name: string, text: string | undefined): void => {
    const value = Number(text);
    if (options.includes(name) && text !== undefined && text !== '' && Number.isFinite(value) && value >= 0)
      numbers[name] = value;
    else problems.push(`--${name} ${text ?? ''}: unknown, or no number`);
  };
  for (let at = 0; at < args.length; at++) {
    const [, name, given] = /^--([a-z]+)(?:=(.*))?$/.exec(args[at]!) ?? [];
    if (name === undefined) rest.push(args[at]!);
    else take(name, given ?? args[++at]);
  }
  const bare = rest.filter((word) => /^\d/.test(word));
  for (const name of options) {
    const given = env[`npm_config_${name}`];
    if (given !== undefined && numbers[name] === undefined) take(name, given === 'true' ? bare.shift() : given);
  }
  if (bare.length > 0) problems.push(`${bare.join(' ')}: which option?`);
  return { names: rest.filter((word) => !/^\d/.test(word)), numbers, problem: problems[0] ?? null };
}
