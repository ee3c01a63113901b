import { testChanges } from "./changes.property.js";

testChanges(60);
