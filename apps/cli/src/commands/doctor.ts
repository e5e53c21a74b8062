/** `ichor doctor`: the effective configuration and every problem at once. */
import type { ConfigReport } from '@ichor/settings/config';
import { readConfig } from '@ichor/settings/config';
import type { Cli } from '../context.ts';
import { checkAll, checkNode } from '../doctor/checks.ts';
import { type Finding, fail, warn } from '../doctor/finding.ts';
import { settingRows } from '../doctor/settings.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { paint, type Style, table } from '../terminal.ts';

/** Prints settings, then one line per check with its remedy. @returns failed when a check fails */
export async function doctor(cli: Cli): Promise<ExitCode> {
  const report = readConfig(cli.env);
  cli.terminal.print(paint(cli.terminal, 'bold', 'Configuration'));
  for (const line of table(settingRows(report.given))) cli.terminal.print(`  ${line}`);
  cli.terminal.print();
  cli.terminal.print(paint(cli.terminal, 'bold', 'Checks'));
  const findings = [checkNode(process.versions.node), ...configurationFindings(report)];
  for (const finding of findings) show(cli, finding);
  if (report.config !== null) for await (const finding of checkAll(report.config)) findings.push(show(cli, finding));
  else cli.terminal.note('The other checks need a valid configuration.');
  return conclude(cli, findings);
}

function configurationFindings({ problems, warnings }: ConfigReport): Finding[] {
  return [
    ...problems.map((problem) => fail('configuration', problem)),
    ...warnings.map((warning) => warn('configuration', warning)),
  ];
}

const STYLES: Record<Finding['level'], Style> = { ok: 'green', warn: 'yellow', fail: 'red' };

function show({ terminal }: Cli, finding: Finding): Finding {
  const level = paint(terminal, STYLES[finding.level], finding.level.padEnd(4));
  terminal.print(`  ${level}  ${finding.subject.padEnd(14)}  ${finding.text}`);
  return finding;
}

function conclude({ terminal }: Cli, findings: readonly Finding[]): ExitCode {
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  terminal.print();
  terminal.print(`${count('ok')} ok, ${count('warn')} to consider, ${count('fail')} to repair`);
  return count('fail') === 0 ? EXIT.done : EXIT.failed;
}
