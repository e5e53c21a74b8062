/** How every `ichor` command ends, in one table; `docs/failures.md` shows it and is checked against it. */
export const EXIT = {
  done: 0,
  failed: 1,
  badInput: 2,
  notAnalysed: 3,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES: readonly { readonly code: ExitCode; readonly meaning: string }[] = [
  { code: EXIT.done, meaning: 'Done. `start` and `demo` also end with 0 after Ctrl-C or SIGTERM.' },
  {
    code: EXIT.failed,
    meaning:
      'It did not succeed: `doctor` found a failure, a peer refused or did not answer, an analysis failed, the demo is incomplete, the bundle does not verify. The message says what and the remedy.',
  },
  {
    code: EXIT.badInput,
    meaning:
      'Bad input: unknown command or option, invalid configuration, a folder without DICOM files, an unknown study.',
  },
  {
    code: EXIT.notAnalysed,
    meaning:
      '`triage`: at least one study could not be analysed; its `reason` says why. It is never reported as clear. `evaluate`, `predict`: no study could be analysed. `heatmap`: there is nothing to show.',
  },
];

/** The table as text for `ichor --help`. */
export function exitCodeHelp(): string {
  return ['Exit codes:', ...EXIT_CODES.map(({ code, meaning }) => `  ${code}  ${meaning}`)].join('\n');
}
