/** What the receiver hands on. */

/** Header attributes that the index keeps; decoded text. The patient's stay in the database only. */
export type IndexedHeader = {
  readonly accessionNumber: string | null;
  readonly patientId: string | null;
  readonly patientName: string | null;
  readonly studyDate: string | null;
  readonly studyDescription: string | null;
  readonly modality: string | null;
  readonly seriesDescription: string | null;
  /** Requested Procedure Priority (0040,1003), e.g. STAT. */
  readonly requestedProcedurePriority: string | null;
};

/** An instance whose bytes are durable in the spool. */
export type StoredInstance = {
  readonly spoolPath: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly transferSyntaxUid: string;
  readonly sizeBytes: number;
  readonly callingAeTitle: string;
  readonly header: IndexedHeader;
};
