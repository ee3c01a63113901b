import fc from "fast-check";

const surrogates = 0x800;
const firstSurrogate = 0xd800;

/** Any character there is: what fast-check's own unit "binary" gives, which spends seconds on a list of them all. */
export const anyCharacter: fc.Arbitrary<string> = fc.integer({ min: 0, max: 0x10ffff - surrogates }).map(
  (number) => String.fromCodePoint(number < firstSurrogate ? number : number + surrogates),
  (character) => {
    const point = typeof character === "string" ? character.codePointAt(0) : undefined;
    if (point === undefined || character !== String.fromCodePoint(point)) throw new Error("is no character");
    return point < firstSurrogate ? point : point - surrogates;
  },
);
