/**
 * What a model looks for, as data: its classes, how they are called and coded, and which of them decides.
 * A bundle says it in its manifest (`target`), and it goes with the identity of the model into the result, so that whoever tells of a
 * result needs nothing else. A bundle that says nothing looks for {@link HEMORRHAGE}.
 */
import type { Finding, Findings, ModelIdentity, Presence } from './study.ts';

export type Concept = { readonly value: string; readonly scheme: string; readonly meaning: string };

export type TargetClass = {
  /** In thresholds, labels, rows and the API: `subdural`. */
  readonly name: string;
  /** To people: `Subdural hemorrhage`. */
  readonly meaning: string;
  /** In the corner of a picture: `Subdural`. */
  readonly short: string;
  /** In a legend: `SDH`. */
  readonly abbreviation: string;
  /** Of what is found: the general concept, which every viewer knows; the kind is told by `meaning`. */
  readonly finding: Concept;
  readonly site: Concept;
  /** UCUM: a score is a probability, which reports show in per cent. */
  readonly unit: '1';
};

export type Target = {
  /** Within a sentence: `intracranial hemorrhage`. */
  readonly name: string;
  /** What the classes are kinds of: `hemorrhage`. */
  readonly general: string;
  /** Begins our own codes: `ICH` makes `ICH-SUBDURAL`. */
  readonly code: string;
  /** The class that flags a study; the others are kinds of it. */
  readonly decides: string;
  /** In the order of every vector of logits or probabilities. */
  readonly classes: readonly TargetClass[];
};

const hemorrhage: Concept = { value: '50960005', scheme: 'SCT', meaning: 'Hemorrhage' };
const brain: Concept = { value: '12738006', scheme: 'SCT', meaning: 'Brain' };
const kind = (name: string, abbreviation: string, site = brain): TargetClass => ({
  name,
  meaning: `${capitalised(name)} hemorrhage`,
  short: capitalised(name),
  abbreviation,
  finding: hemorrhage,
  site,
  unit: '1',
});

/**
 * The six classes of Burduja et al. 2020. Their codes are those of PS3.16; the sites of epidural and subdural hemorrhage are the general
 * one, because the codes of those spaces are disputed between sources.
 */
export const HEMORRHAGE: Target = {
  name: 'intracranial hemorrhage',
  general: 'hemorrhage',
  code: 'ICH',
  decides: 'any',
  classes: [
    kind('epidural', 'EDH'),
    kind('intraparenchymal', 'IPH'),
    kind('intraventricular', 'IVH', { value: '35764002', scheme: 'SCT', meaning: 'Brain ventricle' }),
    kind('subarachnoid', 'SAH', { value: '35951006', scheme: 'SCT', meaning: 'Subarachnoid space' }),
    kind('subdural', 'SDH'),
    {
      name: 'any',
      meaning: 'Intracranial hemorrhage, any',
      short: 'Any hemorrhage',
      abbreviation: 'Any',
      finding: hemorrhage,
      site: brain,
      unit: '1',
    },
  ],
};

/** What the model looks for; null stands for a study that no model looked at. */
export const targetOf = (model: ModelIdentity | null): Target => model?.target ?? HEMORRHAGE;

export const classNames = ({ classes }: Target): string[] => classes.map(({ name }) => name);

/** `intracranial hemorrhage` → `Intracranial hemorrhage`. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The class that decides first, then its kinds in the order of the target. */
export function decidingFirst({ classes, decides }: Target): TargetClass[] {
  return classes.toSorted((one, other) => Number(other.name === decides) - Number(one.name === decides));
}

/** @throws Error when the findings are those of another target */
export function findingOf(findings: Findings, name: string): Finding {
  const finding = findings[name];
  if (finding === undefined) throw new Error(`there is no finding ${name} among ${Object.keys(findings).join(', ')}`);
  return finding;
}

/** What decides the study. */
export const decision = (target: Target, findings: Findings): Finding => findingOf(findings, target.decides);

/**
 * CID 240 (PS3.16). Where the class that decides is absent, so is every kind of it; where it is present, a kind that did not reach its
 * threshold may still be there (docs/adr/0012).
 */
export function presenceOf(target: Target, findings: Findings, name: string): Presence {
  if (findingOf(findings, name).present) return 'present';
  return decision(target, findings).present ? 'undetermined' : 'absent';
}

/** The classes that are present, in the order of the target, without the one that decides. */
export const presentKinds = ({ classes, decides }: Target, findings: Findings): TargetClass[] =>
  classes.filter(({ name }) => name !== decides && findingOf(findings, name).present);
