// Boxes, projection and clipping, in the conventions of drivetr/geometry/boxes.py and
// drivetr/visual/clip.py. Matrices are the upper three rows of a 4x4, row by row.

const NEAR_M = 0.2;

// Forward, left, up of the corners: the bottom face from the front left, then the top face.
const CORNER_SIGNS = [
  [1, 1, -1], [-1, 1, -1], [-1, -1, -1], [1, -1, -1],
  [1, 1, 1], [-1, 1, 1], [-1, -1, 1], [1, -1, 1],
];
const EDGES = [
  [0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7],
];
const FRONT_FACE = [0, 3, 7, 4];

/** Whether a box has a place and a shape; the file says null where a number is not finite. */
function isDrawable(box) {
  return box.slice(0, 8).every(Number.isFinite);
}

/**
 * The eight corners of a box that stands upright in the world.
 *
 * A box keeps the horizontal part of its heading as the lidar sees it. The lidar may be tilted, so
 * the third component follows from the heading being level in the world.
 */
function boxCorners(box, up) {
  const [x, y, z, length, width, height, sin, cos] = box;
  const rise = -(cos * up[0] + sin * up[1]) / up[2];
  const norm = Math.hypot(cos, sin, rise) || 1;
  const ahead = [cos / norm, sin / norm, rise / norm];
  const left = cross(up, ahead);
  return CORNER_SIGNS.map(([f, l, u]) => {
    const forward = (f * length) / 2, across = (l * width) / 2, above = (u * height) / 2;
    return [
      x + forward * ahead[0] + across * left[0] + above * up[0],
      y + forward * ahead[1] + across * left[1] + above * up[1],
      z + forward * ahead[2] + across * left[2] + above * up[2],
    ];
  });
}

function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** A point under a transform or a projection (then u * depth, v * depth, depth). */
function transform(matrix, [x, y, z]) {
  const m = matrix;
  return [
    m[0] * x + m[1] * y + m[2] * z + m[3],
    m[4] * x + m[5] * y + m[6] * z + m[7],
    m[8] * x + m[9] * y + m[10] * z + m[11],
  ];
}

/** A direction under a transform. */
function rotate(matrix, [x, y, z]) {
  const m = matrix;
  return [
    m[0] * x + m[1] * y + m[2] * z,
    m[4] * x + m[5] * y + m[6] * z,
    m[8] * x + m[9] * y + m[10] * z,
  ];
}

/** The inverse of a rotation with a shift. */
function invertRigid(m) {
  const shift = rotate([m[0], m[4], m[8], 0, m[1], m[5], m[9], 0, m[2], m[6], m[10], 0],
    [m[3], m[7], m[11]]);
  return [m[0], m[4], m[8], -shift[0], m[1], m[5], m[9], -shift[1], m[2], m[6], m[10], -shift[2]];
}

/** Half-spaces a . (ud, vd, d, 1) >= 0 of what a picture shows: near plane and its four sides. */
function viewPlanes(width, height, margin) {
  return [
    [0, 0, 1, -NEAR_M],
    [1, 0, margin, 0],
    [-1, 0, width + margin, 0],
    [0, 1, margin, 0],
    [0, -1, height + margin, 0],
  ];
}

/** Which planes a point is outside of, one bit each (Cohen and Sutherland). */
function outcode(point, planes) {
  let code = 0;
  for (let i = 0; i < planes.length; i += 1) if (!(distance(planes[i], point) >= 0)) code |= 1 << i;
  return code;
}

function distance(plane, point) {
  return plane[0] * point[0] + plane[1] * point[1] + plane[2] * point[2] + plane[3];
}

function mixPoints(a, b, share) {
  return [0, 1, 2].map((i) => a[i] + share * (b[i] - a[i]));
}

function pixel(point) {
  return [point[0] / point[2], point[1] / point[2]];
}

/** The visible part of a segment in pixels, or null; cut before the division by depth. */
function clipSegment(a, b, planes) {
  let start = 0, end = 1;
  for (const plane of planes) {
    const first = distance(plane, a), second = distance(plane, b);
    if (first < 0 && second < 0) return null;
    if (first < 0) start = Math.max(start, first / (first - second));
    else if (second < 0) end = Math.min(end, first / (first - second));
  }
  return start < end ? [pixel(mixPoints(a, b, start)), pixel(mixPoints(a, b, end))] : null;
}

/** The visible part of a convex polygon in pixels (Sutherland and Hodgman); may be empty. */
function clipPolygon(polygon, planes) {
  let points = polygon;
  for (const plane of planes) {
    const kept = [];
    points.forEach((corner, i) => {
      const before = points[(i + points.length - 1) % points.length];
      const here = distance(plane, corner), there = distance(plane, before);
      if (here >= 0 !== there >= 0) kept.push(mixPoints(before, corner, there / (there - here)));
      if (here >= 0) kept.push(corner);
    });
    points = kept;
  }
  return points.length < 3 ? [] : points.map(pixel);
}

/** A projection for the same picture shown `scale` times as large. */
function scaleProjection(matrix, scale) {
  return matrix.map((value, i) => (i < 8 ? value * scale : value));
}
