/** The public door of the command line: what documentation and tests take from it. */
export * from './exitCodes.ts';
