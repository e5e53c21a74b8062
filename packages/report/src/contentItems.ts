/** Content items of Structured Reports (PS3.3 C.17.3), by value type. Keys are DICOM keywords. */
import type { Code } from '@ichor/dicom/codes';
import type { Concept } from '@ichor/shared/target';

export type Relationship = 'CONTAINS' | 'HAS CONCEPT MOD' | 'HAS OBS CONTEXT' | 'HAS ACQ CONTEXT' | 'INFERRED FROM';
export type ContentItem = Readonly<Record<string, unknown>>;
export type ImageReference = {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly frameNumber?: number;
};

export const coded = ({ value, scheme, meaning }: Concept): Record<string, string> => ({
  CodeValue: value,
  CodingSchemeDesignator: scheme,
  CodeMeaning: meaning.slice(0, 64),
});

const item = (
  relationship: Relationship,
  type: string,
  name: Code,
  value: object,
  children: readonly ContentItem[] = [],
): ContentItem => ({
  RelationshipType: relationship,
  ValueType: type,
  ConceptNameCodeSequence: [coded(name)],
  ...value,
  ...(children.length === 0 ? {} : { ContentSequence: children }),
});

export const code = (
  relationship: Relationship,
  name: Code,
  value: Concept,
  children: readonly ContentItem[] = [],
): ContentItem => item(relationship, 'CODE', name, { ConceptCodeSequence: [coded(value)] }, children);
export const text = (relationship: Relationship, name: Code, value: string): ContentItem =>
  item(relationship, 'TEXT', name, { TextValue: value });
export const uidReference = (relationship: Relationship, name: Code, uid: string): ContentItem =>
  item(relationship, 'UIDREF', name, { UID: uid });
export const container = (name: Code, children: readonly ContentItem[]): ContentItem =>
  item('CONTAINS', 'CONTAINER', name, { ContinuityOfContent: 'SEPARATE' }, children);

/** @param value at most 16 characters as DS */
export const number = (
  relationship: Relationship,
  name: Code,
  value: number,
  unit: Code,
  children: readonly ContentItem[],
): ContentItem =>
  item(
    relationship,
    'NUM',
    name,
    { MeasuredValueSequence: [{ NumericValue: value, MeasurementUnitsCodeSequence: [coded(unit)] }] },
    children,
  );

/** Always named: some viewers fail on an IMAGE without a concept name. */
export const image = (
  relationship: Relationship,
  name: Code,
  { sopClassUid, sopInstanceUid, frameNumber }: ImageReference,
): ContentItem =>
  item(relationship, 'IMAGE', name, {
    ReferencedSOPSequence: [
      {
        ReferencedSOPClassUID: sopClassUid,
        ReferencedSOPInstanceUID: sopInstanceUid,
        ...(frameNumber === undefined ? {} : { ReferencedFrameNumber: frameNumber }),
      },
    ],
  });

/** Every instance that a tree references. */
export function referencedInstances(items: readonly ContentItem[]): ImageReference[] {
  return items.flatMap((one) => {
    const own = ((one['ReferencedSOPSequence'] as Record<string, string>[] | undefined) ?? []).map((reference) => ({
      sopClassUid: reference['ReferencedSOPClassUID']!,
      sopInstanceUid: reference['ReferencedSOPInstanceUID']!,
    }));
    return [...own, ...referencedInstances((one['ContentSequence'] as ContentItem[] | undefined) ?? [])];
  });
}
