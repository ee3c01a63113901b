/** Scenarios that MinionClient cannot pass, each with its reason. What is not here has to pass. */
export const impossible = new Map([]);
