<?php

/**
 * Which contribution paid for which membership.
 */
return [
  'name' => 'civishare.change.membership_payment.base',
  'entity' => 'MembershipPayment',
  'dao' => 'CRM_Member_DAO_MembershipPayment',
  'table' => 'civicrm_membership_payment',
  'writer' => \Civi\Share\Apply\PaymentLinkWriter::class,
  'unique' => [['membership_id', 'contribution_id']],
  'attributes' => [
    'membership_id' => ['kind' => 'reference', 'refers' => 'Membership', 'required' => TRUE, 'parent' => TRUE],
    'contribution_id' => ['kind' => 'reference', 'refers' => 'Contribution', 'required' => TRUE, 'parent' => TRUE],
  ],
];
