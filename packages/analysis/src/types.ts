/** The nouns of the triage flow, in the order in which they come to be. */
import type { FileReference } from '@ichor/shared/files';
import type { Findings, KeySlice, ModelIdentity, SliceScore } from '@ichor/shared/study';

/** One frame to analyse: a single-frame instance, or one frame of an enhanced multi-frame instance. */
export type Slice = {
  /** The Part 10 file, in the store that the analysis was given. */
  readonly reference: FileReference;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  /** 1-based; 1 for single-frame instances. */
  readonly frameNumber: number;
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
  /** Between rows, between columns (PS3.3 C.7.6.3.1.7), mm. */
  readonly pixelSpacingMm: readonly [number, number];
  readonly sliceThicknessMm: number | null;
  /** Image Position (Patient) [x, y, z], mm, LPS. */
  readonly positionMm: readonly [number, number, number];
  /** Image Orientation (Patient), six direction cosines: along a row, along a column. */
  readonly orientation: readonly [number, number, number, number, number, number];
};

/**
 * An eligible series as an ordered stack: one frame of reference, one orientation, one matrix, no gap, no two slices at
 * one position; from the skull base (first) to the vertex (last).
 */
export type SliceStack = {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameOfReferenceUid: string | null;
  readonly slices: readonly Slice[];
  /** Angle between the slice normal and the patient's long axis, degrees. */
  readonly tiltDegrees: number;
  /** How a stored slice is brought to the orientation that the model knows (image right = patient left, image down = posterior). */
  readonly toRadiological: { readonly transpose: boolean; readonly flipRows: boolean; readonly flipColumns: boolean };
};

/** Patient, study and equipment attributes that the report and the heat maps copy from the source (decoded text). */
export type SourceIdentity = {
  readonly patientName: string | null;
  readonly patientId: string | null;
  readonly issuerOfPatientId: string | null;
  readonly patientBirthDate: string | null;
  readonly patientSex: string | null;
  readonly patientAge: string | null;
  readonly studyInstanceUid: string;
  readonly studyDate: string | null;
  readonly studyTime: string | null;
  readonly studyId: string | null;
  readonly studyDescription: string | null;
  readonly accessionNumber: string | null;
  readonly referringPhysicianName: string | null;
  readonly timezoneOffsetFromUtc: string | null;
  readonly bodyPartExamined: string | null;
  readonly patientPosition: string | null;
  readonly modality: string | null;
};

/** What the CNN gives for one slice; cached by SOP Instance UID, frame, pixel digest and model. */
export type SliceFeatures = {
  /** SHA-256 (hex) of the int16 Hounsfield units, stored orientation; of its neighbours' too where the CNN looks at them. */
  readonly pixelDigest: string;
  /** [F] */
  readonly features: Float32Array;
  /** [classes] */
  readonly logits: Float32Array;
};

/** Heat map of one class on one slice, before it is drawn. */
export type ClassMap = {
  readonly classIndex: number;
  /** Calibrated probability of the sequence model on this slice. */
  readonly probability: number;
  /** ReLU(Σₖ wₖ Aₖ), row-major [mapRows, mapColumns], unscaled, in the stored orientation of the slice. */
  readonly map: Float32Array;
  readonly mapRows: number;
  readonly mapColumns: number;
  /** Whose decision on the slice it explains. */
  readonly of: 'sequence' | 'cnn';
};

/** A slice that is shown: its Hounsfield units (stored orientation, [rows, columns]) and its heat maps. */
export type KeySliceImage = {
  readonly sliceIndex: number;
  readonly hu: Int16Array;
  readonly maps: readonly ClassMap[];
};

/** Everything that the inference process gives back for one stack. */
export type Analysis = {
  readonly model: ModelIdentity;
  /** One entry per slice of the stack, in its order. */
  readonly slices: readonly SliceFeatures[];
  readonly sliceScores: readonly SliceScore[];
  readonly findings: Findings;
  readonly keySlices: readonly KeySlice[];
  readonly keySliceImages: readonly KeySliceImage[];
};
