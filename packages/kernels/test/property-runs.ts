/** How often properties are tried: more with `STAGBEETLE_PROPERTY_RUNS`, as a multiple. */
export function propertyRuns(runs: number): number {
  return runs * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
}
