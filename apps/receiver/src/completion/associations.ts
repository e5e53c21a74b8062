/**
 * Which studies are still being sent to this receiver.
 *
 * An association holds the studies that it sent to from its acceptance to its end. What is noted for one that has ended
 * (its last instance was still being written) holds nothing.
 */
export type OpenAssociations = {
  opened(associationId: number): void;
  sent(associationId: number, studyInstanceUid: string): void;
  closed(associationId: number): void;
  isOpen(studyInstanceUid: string): boolean;
  /** Every study that an open association has sent to. */
  studies(): string[];
  /** Studies whose last association has ended since the last call. */
  takeClosed(): string[];
};

export function trackAssociations(): OpenAssociations {
  const open = new Map<number, Set<string>>();
  let ended = new Set<string>();
  const isOpen = (studyInstanceUid: string): boolean =>
    [...open.values()].some((studies) => studies.has(studyInstanceUid));
  return {
    opened: (associationId) => void open.set(associationId, new Set()),
    sent: (associationId, studyInstanceUid) => void open.get(associationId)?.add(studyInstanceUid),
    closed(associationId) {
      for (const studyInstanceUid of open.get(associationId) ?? []) ended.add(studyInstanceUid);
      open.delete(associationId);
    },
    isOpen,
    studies: () => [...new Set([...open.values()].flatMap((studies) => [...studies]))],
    takeClosed() {
      const closed = [...ended].filter((studyInstanceUid) => !isOpen(studyInstanceUid));
      ended = new Set();
      return closed;
    },
  };
}
